//! One block of DEFLATE, written in whichever of its three forms is the shortest, RFC 1951 §3.2.
#![expect(
    clippy::indexing_slicing,
    reason = "symbols and lengths of codes are below the sizes of their tables"
)]

use bytes::{BufMut, BytesMut};

/// A literal byte, or a match as `length << 16 | distance`. A match is longer than 2, so it is no byte.
#[derive(Clone, Copy)]
pub(super) struct Token(u32);

/// What a block says, and how often each symbol occurs in it.
pub(super) struct Tokens {
    tokens: Vec<Token>,
    literals: [u16; LITERALS],
    distances: [u16; DISTANCES],
    /// Bits beside the codes of the symbols.
    extra_bits: usize,
}

/// A symbol and the bits behind it.
struct Coded {
    symbol: usize,
    extra: u32,
    extra_bits: u32,
}

impl Token {
    #[inline]
    pub(super) fn literal(byte: u8) -> Token {
        Token(byte.into())
    }

    /// `3 <= length <= 258`, `1 <= distance <= 32,768`
    #[inline]
    pub(super) fn of_match(length: usize, distance: usize) -> Token {
        Token((length as u32) << 16 | distance as u32)
    }

    #[inline]
    fn is_literal(self) -> bool {
        self.0 < 1 << 16
    }

    /// RFC 1951 §3.2.5: four symbols for each number of extra bits.
    #[inline]
    fn length(self) -> Coded {
        let length = (self.0 >> 16) - 3;
        match length {
            0..8 => Coded { symbol: 257 + length as usize, extra: 0, extra_bits: 0 },
            255 => Coded { symbol: 285, extra: 0, extra_bits: 0 },
            _ => {
                let extra_bits = length.ilog2() - 2;
                let symbol = 257 + 4 * (extra_bits + 1) + (length >> extra_bits & 3);
                Coded { symbol: symbol as usize, extra: length & ((1 << extra_bits) - 1), extra_bits }
            }
        }
    }

    /// RFC 1951 §3.2.5: two symbols for each number of extra bits.
    #[inline]
    fn distance(self) -> Coded {
        let distance = (self.0 & 0xffff) - 1;
        if distance < 4 {
            return Coded { symbol: distance as usize, extra: 0, extra_bits: 0 };
        }
        let extra_bits = distance.ilog2() - 1;
        let symbol = 2 * (extra_bits + 1) + (distance >> extra_bits & 1);
        Coded { symbol: symbol as usize, extra: distance & ((1 << extra_bits) - 1), extra_bits }
    }
}

impl Default for Tokens {
    fn default() -> Tokens {
        Tokens { tokens: Vec::new(), literals: [0; LITERALS], distances: [0; DISTANCES], extra_bits: 0 }
    }
}

#[cfg(test)]
impl Tokens {
    /// How far back the farthest match refers.
    pub(super) fn farthest(&self) -> usize {
        let matches = self.tokens.iter().filter(|token| !token.is_literal());
        matches.map(|token| (token.0 & 0xffff) as usize).max().unwrap_or(0)
    }
}

impl Tokens {
    pub(super) fn clear(&mut self) {
        self.tokens.clear();
        self.literals.fill(0);
        self.distances.fill(0);
        self.extra_bits = 0;
    }

    #[inline]
    pub(super) fn push(&mut self, token: Token) {
        self.tokens.push(token);
        if token.is_literal() {
            self.literals[token.0 as usize & 0xff] += 1;
            return;
        }
        let (length, distance) = (token.length(), token.distance());
        self.literals[length.symbol] += 1;
        self.distances[distance.symbol] += 1;
        self.extra_bits += (length.extra_bits + distance.extra_bits) as usize;
    }

    /// Writes the block, which says `message`, and the header of an empty stored block behind it.
    pub(super) fn write(&mut self, message: &[u8], output: &mut BytesMut) {
        self.literals[END_OF_BLOCK] = 1;
        let literals = code_lengths(&self.literals, MAX_CODE_BITS);
        let distances = code_lengths(&self.distances, MAX_CODE_BITS);
        let header = Header::new(&literals, &distances);
        let dynamic = header.bits() + self.bits(&literals, &distances);
        let fixed = self.bits(&FIXED_LITERALS, &FIXED_DISTANCES);
        let stored = (message.len() + 5) * 8;

        output.reserve(stored.min(fixed).min(dynamic) / 8 + 16);
        let mut bits = BitWriter { output, waiting: 0, count: 0 };
        if stored < fixed.min(dynamic) {
            bits.put(0b000, 3);
            bits.align();
            let length = message.len() as u16;
            bits.output.put_u16_le(length);
            bits.output.put_u16_le(!length);
            bits.output.extend_from_slice(message);
        } else if fixed <= dynamic {
            bits.put(0b010, 3);
            self.write_codes(&codes(&FIXED_LITERALS), &codes(&FIXED_DISTANCES), &mut bits);
        } else {
            bits.put(0b100, 3);
            header.write(&mut bits);
            self.write_codes(&codes(&literals), &codes(&distances), &mut bits);
        }
        bits.put(0b000, 3);
        bits.align();
    }

    /// How long it is with codes of these lengths.
    fn bits(&self, literals: &[u8; LITERALS], distances: &[u8; DISTANCES]) -> usize {
        self.extra_bits + weigh(&self.literals, literals) + weigh(&self.distances, distances)
    }

    fn write_codes(
        &self,
        literals: &[Code; LITERALS],
        distances: &[Code; DISTANCES],
        bits: &mut BitWriter<'_>,
    ) {
        for token in &self.tokens {
            if token.is_literal() {
                bits.put_code(literals[token.0 as usize & 0xff]);
                continue;
            }
            for (coded, code) in [token.length().with(literals), token.distance().with(distances)] {
                bits.put_code(code);
                bits.put(coded.extra, coded.extra_bits);
            }
        }
        bits.put_code(literals[END_OF_BLOCK]);
    }
}

impl Coded {
    #[inline]
    fn with(self, codes: &[Code]) -> (Coded, Code) {
        let code = codes[self.symbol];
        (self, code)
    }
}

fn weigh<const N: usize>(counts: &[u16; N], lengths: &[u8; N]) -> usize {
    counts.iter().zip(lengths).map(|(count, length)| u32::from(*count) * u32::from(*length)).sum::<u32>()
        as usize
}

/// A code as it is written, its first bit lowest.
#[derive(Clone, Copy, Default)]
struct Code {
    bits: u16,
    length: u8,
}

/// The codes of these lengths, RFC 1951 §3.2.2.
fn codes<const N: usize>(lengths: &[u8; N]) -> [Code; N] {
    let mut of_length = [0_u16; MAX_CODE_BITS + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        of_length[usize::from(*length)] += 1;
    }
    let mut next = [0_u16; MAX_CODE_BITS + 1];
    for length in 1..=MAX_CODE_BITS {
        next[length] = (next[length - 1] + of_length[length - 1]) << 1;
    }
    let mut codes = [Code::default(); N];
    for (code, length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        let bits = &mut next[usize::from(*length)];
        *code = Code { bits: bits.reverse_bits() >> (16 - length), length: *length };
        *bits += 1;
    }
    codes
}

/// How long the code of each symbol is, for the least bits in all, if none may have more than `limit`.
fn code_lengths<const N: usize>(counts: &[u16; N], limit: usize) -> [u8; N] {
    let mut used = [0_u32; N];
    let mut n = 0;
    for (symbol, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        used[n] = u32::from(*count) << SYMBOL_BITS | symbol as u32;
        n += 1;
    }
    // Decoders may refuse a code of fewer than two symbols.
    for symbol in (0..2).filter(|symbol| counts[*symbol] == 0).take(2_usize.saturating_sub(n)) {
        used[n] = 1 << SYMBOL_BITS | symbol as u32;
        n += 1;
    }
    let used = &mut used[..n];
    used.sort_unstable();
    let mut depths = [0_u32; N];
    let depths = &mut depths[..n];
    for (depth, symbol) in depths.iter_mut().zip(&*used) {
        *depth = symbol >> SYMBOL_BITS;
    }
    make_depths(depths);

    let mut of_length = [0_usize; MAX_CODE_BITS + 1];
    for depth in &*depths {
        of_length[limit.min(*depth as usize)] += 1;
    }
    shorten(&mut of_length[..=limit]);
    let mut lengths = [0; N];
    let mut often_first = used.iter().rev();
    for (length, count) in of_length.iter().enumerate().skip(1) {
        for symbol in often_first.by_ref().take(*count) {
            lengths[(symbol & ((1 << SYMBOL_BITS) - 1)) as usize] = length as u8;
        }
    }
    lengths
}

/// Makes of the counts of two symbols or more, in rising order, how deep each of them is in the tree of Huffman's code
/// (A. Moffat and J. Katajainen, In-Place Calculation of Minimum-Redundancy Codes, 1995).
fn make_depths(a: &mut [u32]) {
    let n = a.len();
    // Each place becomes the sum of two nodes; of a node that is used up, which one it is below.
    let (mut root, mut leaf) = (0, 0);
    for next in 0..n - 1 {
        let mut sum = 0;
        for _ in 0..2 {
            if leaf >= n || (root < next && a[root] < a[leaf]) {
                sum += a[root];
                a[root] = next as u32;
                root += 1;
            } else {
                sum += a[leaf];
                leaf += 1;
            }
        }
        a[next] = sum;
    }
    // The depths of the inner nodes.
    a[n - 2] = 0;
    for next in (0..n - 2).rev() {
        a[next] = a[a[next] as usize] + 1;
    }
    // Those of the leaves: whatever of a depth is no inner node.
    let (mut root, mut next) = (n - 1, n);
    let (mut available, mut depth) = (1, 0);
    while available > 0 {
        let mut inner = 0;
        while root > 0 && a[root - 1] == depth {
            inner += 1;
            root -= 1;
        }
        for _ in inner..available {
            next -= 1;
            a[next] = depth;
        }
        available = 2 * inner;
        depth += 1;
    }
}

/// Codes that were too long have got the length of the last place: lengthens others until there are enough codes.
fn shorten(of_length: &mut [usize]) {
    let limit = of_length.len() - 1;
    let taken: usize = (1..=limit).map(|length| of_length[length] << (limit - length)).sum();
    for _ in 1 << limit..taken {
        // One of the longest goes to stand beside one that is shorter so far.
        of_length[limit] -= 1;
        if let Some(length) = (1..limit).rev().find(|length| of_length[*length] > 0) {
            of_length[length] -= 1;
            of_length[length + 1] += 2;
        }
    }
}

/// The lengths of the codes, as they stand in front of them, RFC 1951 §3.2.7.
struct Header {
    literals: usize,
    distances: usize,
    /// Symbols, with what stands behind each from the 8th bit on.
    symbols: [u16; LITERALS + DISTANCES],
    count: usize,
    lengths: [u8; LENGTHS],
    /// How many of `lengths` are written, in their order.
    written: usize,
    bits: usize,
}

impl Header {
    fn new(literals: &[u8; LITERALS], distances: &[u8; DISTANCES]) -> Header {
        let used = |lengths: &[u8]| lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1);
        let mut header = Header {
            literals: used(literals).max(257),
            distances: used(distances).max(1),
            symbols: [0; LITERALS + DISTANCES],
            count: 0,
            lengths: [0; LENGTHS],
            written: 0,
            bits: 0,
        };
        let mut counts = [0; LENGTHS];
        let mut all = [0_u8; LITERALS + DISTANCES];
        let (front, back) = all.split_at_mut(header.literals);
        front.copy_from_slice(&literals[..header.literals]);
        back[..header.distances].copy_from_slice(&distances[..header.distances]);
        let all = &all[..header.literals + header.distances];
        for run in all.chunk_by(|a, b| a == b) {
            header.push_run(run[0], run.len(), &mut counts);
        }
        header.lengths = code_lengths(&counts, MAX_LENGTH_BITS);
        header.written =
            ORDER.iter().rposition(|symbol| header.lengths[*symbol] > 0).map_or(4, |last| last.max(3) + 1);
        let extra: usize =
            [16, 17, 18].map(|symbol| usize::from(counts[symbol]) * extra_bits(symbol) as usize).iter().sum();
        header.bits = 3 + 14 + 3 * header.written + weigh(&counts, &header.lengths) + extra;
        header
    }

    fn push_run(&mut self, length: u8, mut run: usize, counts: &mut [u16; LENGTHS]) {
        let mut push = |symbol: u16, extra: usize| {
            counts[usize::from(symbol)] += 1;
            self.symbols[self.count] = symbol | (extra as u16) << 8;
            self.count += 1;
        };
        if length > 0 {
            push(length.into(), 0);
            run -= 1;
        }
        while run >= 3 {
            let (symbol, least, most) = match (length, run) {
                (0, 11..) => (18, 11, 138),
                (0, _) => (17, 3, 10),
                _ => (16, 3, 6),
            };
            let taken = run.min(most);
            push(symbol, taken - least);
            run -= taken;
        }
        for _ in 0..run {
            push(length.into(), 0);
        }
    }

    /// How long it is, with the three bits in front of it.
    fn bits(&self) -> usize {
        self.bits
    }

    fn write(&self, bits: &mut BitWriter<'_>) {
        bits.put(self.literals as u32 - 257, 5);
        bits.put(self.distances as u32 - 1, 5);
        bits.put(self.written as u32 - 4, 4);
        for symbol in &ORDER[..self.written] {
            bits.put(self.lengths[*symbol].into(), 3);
        }
        let codes = codes(&self.lengths);
        for entry in &self.symbols[..self.count] {
            let symbol = usize::from(entry & 0xff);
            bits.put_code(codes[symbol]);
            bits.put(u32::from(entry >> 8), extra_bits(symbol));
        }
    }
}

/// How many bits stand behind a symbol of the lengths.
fn extra_bits(symbol: usize) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

/// Bits into bytes, the lowest first.
struct BitWriter<'a> {
    output: &'a mut BytesMut,
    waiting: u64,
    /// `count < 32` between two calls.
    count: u32,
}

impl BitWriter<'_> {
    /// At most 32 bits.
    #[inline]
    fn put(&mut self, bits: u32, count: u32) {
        self.waiting |= u64::from(bits) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.output.extend_from_slice(&(self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    #[inline]
    fn put_code(&mut self, code: Code) {
        self.put(code.bits.into(), code.length.into());
    }

    /// Fills up the byte that is begun.
    fn align(&mut self) {
        let bytes = self.waiting.to_le_bytes();
        self.output.extend_from_slice(&bytes[..self.count.div_ceil(8) as usize]);
        (self.waiting, self.count) = (0, 0);
    }
}

const FIXED_LITERALS: [u8; LITERALS] = {
    let mut lengths = [8; LITERALS];
    let mut symbol = 144;
    while symbol < 280 {
        lengths[symbol] = if symbol < 256 { 9 } else { 7 };
        symbol += 1;
    }
    lengths
};

const FIXED_DISTANCES: [u8; DISTANCES] = [5; DISTANCES];

/// In which order the lengths of the codes for lengths of codes stand.
const ORDER: [usize; LENGTHS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// Literals, the end of the block, lengths, and two that are never used.
const LITERALS: usize = 288;
const DISTANCES: usize = 30;
const LENGTHS: usize = 19;
const END_OF_BLOCK: usize = 256;
const MAX_CODE_BITS: usize = 15;
const MAX_LENGTH_BITS: usize = 7;

/// Enough for the number of a symbol.
const SYMBOL_BITS: u32 = 9;
