//! Flits and message classes.

use crate::{Combine, NodeIdx, PacketIdx, Share, VcIdx};

/// A protocol message class. Each class has virtual channels of its own, and a class only ever
/// waits for later ones, so the protocol cannot deadlock the network.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize,
)]
#[repr(u8)]
pub enum Class {
    /// Requests to a home.
    Req = 0,
    /// Snoops from a home.
    Fwd = 1,
    /// Responses on the way up, to a home or to the cache that gathers them.
    RspUp = 2,
    /// Responses to a requester.
    RspDown = 3,
    /// Completion acknowledgements.
    Ack = 4,
}

/// How many message classes there are.
pub const CLASS_COUNT: usize = 5;

impl Class {
    /// Every class, in the order in which one may wait for the next.
    pub const ALL: [Self; CLASS_COUNT] =
        [Self::Req, Self::Fwd, Self::RspUp, Self::RspDown, Self::Ack];

    /// The class's place in [`Class::ALL`].
    #[inline]
    pub const fn at(self) -> usize {
        self as usize
    }
}

/// A flit: the unit of flow control. 28 bytes, copied by value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct Flit {
    /// The packet it belongs to, a slot of the machine's slab.
    pub packet: PacketIdx,
    /// Where the packet goes.
    pub dst: NodeIdx,
    /// Where it comes from.
    pub src: NodeIdx,
    /// Spreads packets over equal paths; the same for all flits of a packet.
    pub flow: u32,
    /// The routing function's note on the packet; heads only.
    pub state: u32,
    /// Flits of its packet, at least 1; packets of more than 65,535 flits count as that long.
    pub flits: u16,
    /// The VC it travels in on the link it is on.
    pub vc: VcIdx,
    /// The packet's class.
    pub class: Class,
    /// First flit of its packet.
    pub head: bool,
    /// Last flit of its packet.
    pub tail: bool,
}

/// What units of a barrier tell each other: a flit of its own that belongs to no packet and takes no
/// buffer, so no credit either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// The barrier's entry in every unit.
    pub slot: u16,
    /// What was gathered, or what comes of it.
    pub share: Share,
    /// Towards the members; otherwise towards the root.
    pub release: bool,
}

impl Flit {
    /// The channel of tokens, which no port has as a VC: ports have at most 64.
    pub const TOKEN_VC: VcIdx = VcIdx(u8::MAX);

    /// Whether it is a token.
    #[inline]
    pub const fn is_token(&self) -> bool {
        self.vc.0 == Self::TOKEN_VC.0
    }

    /// The token that it is; `None` of a packet's flit.
    #[inline]
    pub fn token(&self) -> Option<Token> {
        if self.is_token() { Some(self.as_token()) } else { None }
    }

    fn as_token(&self) -> Token {
        let how = Combine::numbered(u64::from(self.flits));
        let word = u64::from(self.flow) << 32 | u64::from(self.state);
        let slot = u16::try_from(self.dst.0).unwrap_or(u16::MAX);
        let release = self.class == Class::RspDown;
        Token { slot, share: how.map(|how| (how, word)), release }
    }
}

impl From<Token> for Flit {
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
    fn from(token: Token) -> Self {
        let (how, word) = token.share.map_or((0, 0), |(how, word)| (how as u16, word));
        Self {
            packet: PacketIdx(u32::MAX),
            dst: NodeIdx(u32::from(token.slot)),
            src: NodeIdx(u32::MAX),
            flow: (word >> 32) as u32,
            state: word as u32,
            flits: how,
            vc: Self::TOKEN_VC,
            class: if token.release { Class::RspDown } else { Class::Req },
            head: false,
            tail: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_flit_and_back() {
        let words = [0, 1, u64::MAX, 0x0123_4567_89ab_cdef];
        let shares = Combine::ALL.into_iter().flat_map(|how| words.map(|w| Some((how, w))));
        for share in shares.chain([None]) {
            for release in [false, true] {
                let token = Token { slot: 513, share, release };
                assert_eq!(Flit::from(token).token(), Some(token));
            }
        }
        let flit =
            Flit { vc: VcIdx(63), ..Flit::from(Token { slot: 0, share: None, release: true }) };
        assert_eq!(flit.token(), None);
    }
}
