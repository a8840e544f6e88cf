//! Any `u16` can be held, shown and judged as a close code.
#![no_main]

use carrick::protocol::CloseCode;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|number: u16| {
    let code = CloseCode::from(number);
    assert_eq!(u16::from(code), number);
    assert!(code.to_string().starts_with(&number.to_string()));
    // RFC 6455 §7.4.2: "Status codes in the range 0-999 are not used."
    assert!(!code.may_be_sent() || number >= 1000);
});
