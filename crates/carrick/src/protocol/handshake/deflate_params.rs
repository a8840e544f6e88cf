//! The offer and the answer of permessage-deflate, RFC 7692 §7.

use std::fmt::Write;

use super::{
    config_error::HandshakeConfigError,
    header_values::{Extension, Parameter, excerpt},
    response_error::ResponseError,
};

/// How this end wants to use permessage-deflate (RFC 7692), in words that fit both roles.
///
/// What it costs: a compressor takes about 165 KB at window 12 and memory level 5, a decompressor about 47 KB.
/// Without context takeover they are leased from a pool while a message passes; with it they are held as long as the
/// connection lives. Each `with_*` method changes one setting.
///
/// Compression shows an eavesdropper how well a message compressed. Where a secret and text that an attacker chose
/// share a message, send that message uncompressed.
///
/// ```
/// use carrick::protocol::DeflateConfig;
///
/// let config = DeflateConfig::default().with_level(6)?.with_own_context_takeover(true);
/// assert_eq!(config.level(), 6);
/// assert_eq!(config.own_max_window_bits(), 12);
/// assert!(config.with_memory_level(10).is_err());
/// # Ok::<(), carrick::protocol::HandshakeConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateConfig {
    own_context_takeover: bool,
    peer_context_takeover: bool,
    own_max_window_bits: u8,
    peer_max_window_bits: u8,
    level: u8,
    memory_level: u8,
    threshold_bytes: usize,
}

impl Default for DeflateConfig {
    fn default() -> DeflateConfig {
        DeflateConfig {
            own_context_takeover: false,
            peer_context_takeover: false,
            own_max_window_bits: 12,
            peer_max_window_bits: LARGEST_WINDOW,
            level: 3,
            memory_level: 5,
            threshold_bytes: 128,
        }
    }
}

impl DeflateConfig {
    /// Sets whether our compressor may look back into earlier messages (RFC 7692 §7.1.1).
    ///
    /// Default: false, so that an idle connection holds no compressor. True makes small similar messages much smaller
    /// and holds a compressor per connection, unless the peer forbids it.
    #[must_use]
    pub fn with_own_context_takeover(mut self, allowed: bool) -> DeflateConfig {
        self.own_context_takeover = allowed;
        self
    }

    /// Sets whether the peer's compressor may look back into earlier messages (RFC 7692 §7.1.1).
    ///
    /// Default: false, so that an idle connection holds no decompressor.
    #[must_use]
    pub fn with_peer_context_takeover(mut self, allowed: bool) -> DeflateConfig {
        self.peer_context_takeover = allowed;
        self
    }

    /// Sets how far our compressor looks back at most, as the base-2 logarithm of bytes, 9 to 15 (RFC 7692 §7.1.2).
    ///
    /// Default: 12, which is 4 KiB: messages are rarely longer, and each step doubles what the window takes.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::OutOfRange`]. 8 is refused too: DEFLATE libraries cannot produce that window.
    pub fn with_own_max_window_bits(mut self, bits: u8) -> Result<DeflateConfig, HandshakeConfigError> {
        self.own_max_window_bits = in_range("own_max_window_bits", bits, 9, LARGEST_WINDOW)?;
        Ok(self)
    }

    /// Sets how far the peer's compressor may look back, as the base-2 logarithm of bytes, 9 to 15 (RFC 7692 §7.1.2).
    ///
    /// Default: 15, since an inflater costs the same at any window. A client that asks for less risks that the server
    /// declines compression; a server can ask only a client that offered `client_max_window_bits`.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::OutOfRange`]. 8 is refused too: many peers cannot produce that window.
    pub fn with_peer_max_window_bits(mut self, bits: u8) -> Result<DeflateConfig, HandshakeConfigError> {
        self.peer_max_window_bits = in_range("peer_max_window_bits", bits, 9, LARGEST_WINDOW)?;
        Ok(self)
    }

    /// Sets how hard the compressor tries, 0 (stores only) to 9.
    ///
    /// Default: 3, the lowest level that looks for the better of two matches and fits the code table to the data.
    /// Levels 1 and 2 trade size for speed, levels above 6 cost much time for little.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::OutOfRange`].
    pub fn with_level(mut self, level: u8) -> Result<DeflateConfig, HandshakeConfigError> {
        self.level = in_range("level", level, 0, 9)?;
        Ok(self)
    }

    /// Sets how large the compressor's buffer of pending symbols is, 1 to 9; each step doubles it.
    ///
    /// Default: 5. Higher values compress long messages a little better and take more memory.
    ///
    /// # Errors
    ///
    /// [`HandshakeConfigError::OutOfRange`].
    pub fn with_memory_level(mut self, level: u8) -> Result<DeflateConfig, HandshakeConfigError> {
        self.memory_level = in_range("memory_level", level, 1, 9)?;
        Ok(self)
    }

    /// Sets the length in bytes below which a message is sent uncompressed.
    ///
    /// Default: 128, because shorter messages gain little and may grow. 0 compresses everything.
    #[must_use]
    pub fn with_threshold_bytes(mut self, bytes: usize) -> DeflateConfig {
        self.threshold_bytes = bytes;
        self
    }

    /// Whether our compressor may look back into earlier messages.
    #[must_use]
    pub fn own_context_takeover(&self) -> bool {
        self.own_context_takeover
    }

    /// Whether the peer's compressor may look back into earlier messages.
    #[must_use]
    pub fn peer_context_takeover(&self) -> bool {
        self.peer_context_takeover
    }

    /// How far our compressor looks back at most, as the base-2 logarithm of bytes.
    #[must_use]
    pub fn own_max_window_bits(&self) -> u8 {
        self.own_max_window_bits
    }

    /// How far the peer's compressor may look back, as the base-2 logarithm of bytes.
    #[must_use]
    pub fn peer_max_window_bits(&self) -> u8 {
        self.peer_max_window_bits
    }

    /// How hard the compressor tries, 0 to 9.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// How large the compressor's buffer of pending symbols is, 1 to 9.
    #[must_use]
    pub fn memory_level(&self) -> u8 {
        self.memory_level
    }

    /// The length in bytes below which a message is sent uncompressed.
    #[must_use]
    pub fn threshold_bytes(&self) -> usize {
        self.threshold_bytes
    }
}

/// What was agreed about permessage-deflate, seen from our own side (RFC 7692 §7.1).
///
/// The default is what an answer without parameters means: takeover both ways and windows of 32 KiB.
///
/// ```
/// use carrick::protocol::DeflateParams;
///
/// let params = DeflateParams::default();
/// assert!(params.own_context_takeover);
/// assert_eq!(params.peer_max_window_bits, 15);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeflateParams {
    /// Whether our compressor may keep its window from message to message.
    pub own_context_takeover: bool,
    /// Whether our decompressor must keep its window from message to message.
    pub peer_context_takeover: bool,
    /// `8 <= own_max_window_bits <= 15`. At 8 we send uncompressed, since our compressor starts at 9.
    pub own_max_window_bits: u8,
    /// `8 <= peer_max_window_bits <= 15`.
    pub peer_max_window_bits: u8,
}

impl Default for DeflateParams {
    fn default() -> DeflateParams {
        DeflateParams {
            own_context_takeover: true,
            peer_context_takeover: true,
            own_max_window_bits: LARGEST_WINDOW,
            peer_max_window_bits: LARGEST_WINDOW,
        }
    }
}

/// What a server agrees to, and its answer: the first offer it can accept (RFC 7692 §5.1).
///
/// An offer that is not understood or cannot be met is declined, never an error.
pub(super) fn accept_first(
    config: &DeflateConfig,
    offers: &[Extension<'_>],
) -> Option<(DeflateParams, String)> {
    let offers = offers.iter().filter(|offer| offer.name == NAME);
    offers.filter_map(|offer| accept(config, &Parameters::parse(offer).ok()?)).next()
}

/// The offer of a client.
///
/// It always has `client_max_window_bits`, so that the server may shrink our window.
pub(super) fn offer(config: &DeflateConfig) -> String {
    let mut offer = NAME.to_owned();
    write_flag(&mut offer, CLIENT_NO_TAKEOVER, !config.own_context_takeover);
    write_flag(&mut offer, SERVER_NO_TAKEOVER, !config.peer_context_takeover);
    if config.own_max_window_bits < LARGEST_WINDOW {
        write_bits(&mut offer, CLIENT_WINDOW, config.own_max_window_bits);
    } else {
        write_flag(&mut offer, CLIENT_WINDOW, true);
    }
    if config.peer_max_window_bits < LARGEST_WINDOW {
        write_bits(&mut offer, SERVER_WINDOW, config.peer_max_window_bits);
    }
    offer
}

/// What a client agreed to when the server answered [`offer`] of the same `config`.
pub(super) fn check_answer(
    config: &DeflateConfig,
    answer: &Extension<'_>,
) -> Result<DeflateParams, ResponseError> {
    if answer.name != NAME {
        return Err(ResponseError::ExtensionNotOffered { name: excerpt(answer.name.as_bytes()) });
    }
    let parameters = Parameters::parse(answer)?;
    let own_bits = match parameters.client_window {
        None => LARGEST_WINDOW,
        Some(None) => {
            return Err(ResponseError::DeflateValueInvalid { parameter: CLIENT_WINDOW, value: None });
        }
        Some(Some(bits)) => bits,
    };
    // RFC 7692 §7.1.1.1: "A server accepts an extension negotiation offer that includes the
    // 'server_no_context_takeover' extension parameter by including [it] in the corresponding … response".
    if !config.peer_context_takeover && !parameters.server_no_takeover {
        return Err(ResponseError::DeflateParameterMissing { parameter: SERVER_NO_TAKEOVER });
    }
    // RFC 7692 §7.1.2.1 says the same of server_max_window_bits, "with the same or smaller value as the offer".
    let offered_peer_bits = config.peer_max_window_bits;
    if offered_peer_bits < LARGEST_WINDOW && parameters.server_window.is_none() {
        return Err(ResponseError::DeflateParameterMissing { parameter: SERVER_WINDOW });
    }
    let peer_bits = parameters.server_window.unwrap_or(LARGEST_WINDOW);
    if peer_bits > offered_peer_bits {
        return Err(ResponseError::DeflateWindowTooLarge {
            parameter: SERVER_WINDOW,
            bits: peer_bits,
            offered: offered_peer_bits,
        });
    }
    Ok(DeflateParams {
        own_context_takeover: config.own_context_takeover && !parameters.client_no_takeover,
        peer_context_takeover: !parameters.server_no_takeover,
        // RFC 7692 §7.1.2.2: the value in our offer says that our window will not be larger, whatever the answer says. So
        // a larger value in the answer takes nothing from anybody.
        own_max_window_bits: own_bits.min(config.own_max_window_bits),
        peer_max_window_bits: peer_bits,
    })
}

fn accept(config: &DeflateConfig, offer: &Parameters) -> Option<(DeflateParams, String)> {
    let asked_of_us = offer.server_window.unwrap_or(LARGEST_WINDOW);
    if asked_of_us == SMALLEST_WINDOW {
        return None;
    }
    // RFC 7692 §7.1.2.2: a value in the offer is a hint that the client will not use a larger window in any case.
    let peer_limit = if offer.client_window.is_some() { config.peer_max_window_bits } else { LARGEST_WINDOW };
    let hinted_by_peer = offer.client_window.flatten().unwrap_or(LARGEST_WINDOW);
    let params = DeflateParams {
        own_context_takeover: config.own_context_takeover && !offer.server_no_takeover,
        peer_context_takeover: config.peer_context_takeover && !offer.client_no_takeover,
        own_max_window_bits: config.own_max_window_bits.min(asked_of_us),
        peer_max_window_bits: peer_limit.min(hinted_by_peer),
    };
    let mut answer = NAME.to_owned();
    // RFC 7692 §7.1.1.1 and §7.1.1.2: a server may include both even if the offer did not.
    write_flag(&mut answer, SERVER_NO_TAKEOVER, !params.own_context_takeover);
    write_flag(&mut answer, CLIENT_NO_TAKEOVER, !params.peer_context_takeover);
    if offer.server_window.is_some() || params.own_max_window_bits < LARGEST_WINDOW {
        write_bits(&mut answer, SERVER_WINDOW, params.own_max_window_bits);
    }
    // Below the largest only if the client offered the parameter; without an offer it must not be answered.
    if params.peer_max_window_bits < LARGEST_WINDOW {
        write_bits(&mut answer, CLIENT_WINDOW, params.peer_max_window_bits);
    }
    Some((params, answer))
}

/// The parameters of one offer or one answer. Only in an offer may `client_max_window_bits` have no value.
#[derive(Debug, Default)]
struct Parameters {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_window: Option<u8>,
    client_window: Option<Option<u8>>,
}

impl Parameters {
    /// RFC 7692 §7.1 lists what makes parameters invalid: an unknown name, a repeated name, an invalid value.
    fn parse(extension: &Extension<'_>) -> Result<Parameters, ResponseError> {
        let mut parsed = Parameters::default();
        for parameter in &extension.parameters {
            let repeated = match parameter.name {
                SERVER_NO_TAKEOVER => {
                    no_value(SERVER_NO_TAKEOVER, parameter)?;
                    std::mem::replace(&mut parsed.server_no_takeover, true)
                }
                CLIENT_NO_TAKEOVER => {
                    no_value(CLIENT_NO_TAKEOVER, parameter)?;
                    std::mem::replace(&mut parsed.client_no_takeover, true)
                }
                SERVER_WINDOW => {
                    parsed.server_window.replace(window_bits(SERVER_WINDOW, parameter)?).is_some()
                }
                CLIENT_WINDOW if parameter.value.is_none() => parsed.client_window.replace(None).is_some(),
                CLIENT_WINDOW => {
                    let bits = window_bits(CLIENT_WINDOW, parameter)?;
                    parsed.client_window.replace(Some(bits)).is_some()
                }
                name => {
                    return Err(ResponseError::DeflateParameterUnknown { name: excerpt(name.as_bytes()) });
                }
            };
            if repeated {
                return Err(ResponseError::DeflateParameterRepeated { name: parameter.name.to_owned() });
            }
        }
        Ok(parsed)
    }
}

fn no_value(name: &'static str, parameter: &Parameter<'_>) -> Result<(), ResponseError> {
    if parameter.value.is_some() { Err(value_invalid(name, parameter)) } else { Ok(()) }
}

/// RFC 7692 §7.1.2: "a decimal integer value without leading zeroes between 8 to 15, inclusive".
fn window_bits(name: &'static str, parameter: &Parameter<'_>) -> Result<u8, ResponseError> {
    match parameter.value.as_deref() {
        Some("8") => Ok(8),
        Some("9") => Ok(9),
        Some("10") => Ok(10),
        Some("11") => Ok(11),
        Some("12") => Ok(12),
        Some("13") => Ok(13),
        Some("14") => Ok(14),
        Some("15") => Ok(15),
        _ => Err(value_invalid(name, parameter)),
    }
}

fn value_invalid(parameter: &'static str, found: &Parameter<'_>) -> ResponseError {
    ResponseError::DeflateValueInvalid {
        parameter,
        value: found.value.as_ref().map(|value| excerpt(value.as_bytes())),
    }
}

fn write_flag(header: &mut String, name: &str, present: bool) {
    if present {
        header.push_str("; ");
        header.push_str(name);
    }
}

fn write_bits(header: &mut String, name: &str, bits: u8) {
    write!(header, "; {name}={bits}").expect("writing to a String cannot fail");
}

fn in_range(setting: &'static str, value: u8, min: u8, max: u8) -> Result<u8, HandshakeConfigError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(HandshakeConfigError::OutOfRange { setting, value, min, max })
    }
}

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";
const SMALLEST_WINDOW: u8 = 8;
const LARGEST_WINDOW: u8 = 15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_accepted_at_its_limits_and_refused_beyond() {
        type Setter = fn(DeflateConfig, u8) -> Result<DeflateConfig, HandshakeConfigError>;
        let settings: [(Setter, u8, u8); 4] = [
            (DeflateConfig::with_own_max_window_bits, 9, 15),
            (DeflateConfig::with_peer_max_window_bits, 9, 15),
            (DeflateConfig::with_level, 0, 9),
            (DeflateConfig::with_memory_level, 1, 9),
        ];
        for (set, min, max) in settings {
            for value in 0..=u8::MAX {
                let accepted = set(DeflateConfig::default(), value).is_ok();
                assert_eq!(accepted, (min..=max).contains(&value), "{value} of {min} to {max}");
            }
        }
    }

    #[test]
    fn the_default_offer_asks_for_no_takeover_and_names_its_window() {
        let expected = "permessage-deflate; client_no_context_takeover; server_no_context_takeover; \
                        client_max_window_bits=12";
        assert_eq!(offer(&DeflateConfig::default()), expected);
    }
}
