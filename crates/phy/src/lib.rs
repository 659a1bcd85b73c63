//! Link PHYs: how long a flit takes from a sender's edge to the edge at which the receiver sees it,
//! and how credits come back.
//!
//! ```text
//!            send(flit, edge)                                    receive(edge)
//!   sender ───────────────────▶ serialize ▶ SerDes ▶ FEC ▶ flight ▶ synchronizer ───────▶ receiver
//!          ◀─────────────────── credits, on the reverse direction's latency ◀────────────
//!            receive_credit(edge)                        send_credit(vc, edge)
//! ```
//!
//! Timing of a serial link: the flit starts when it is handed over or when the flit before it has
//! left, whichever is later; it takes `flit bits / payload rate` exactly (fractions are carried
//! from flit to flit, so the rate is exact over any stretch); then SerDes, FEC and flight follow,
//! and the receiver's clock crossing. An on-die wire counts edges of the one clock it lies in.
//!
//! Credits use the reverse direction's latency but none of its payload bandwidth: they ride in the
//! link layer's framing, which the efficiency already accounts for (ASSUMED for every class, as in
//! the flit formats of CXL and UALink, which carry credits in the flit header).
//!
//! A framed link ([`FrameClass`]) has a link layer. Its flits go into slots of frames, and a frame into the
//! replay buffer; a direction is a sender (`replay`), a pair of them a `cable`, where frames are lost
//! (`errors`, [`Code`]), naks, replays and training follow, and lanes fail. It is as exact as a serial
//! link and is not stepped either: where and when a flit is accepted is known when it is handed over.
//!
//! ```text
//!   flit ─▶ slot ─▶ frame p ═▶ lost? corrected? ═▶ accepted in frame d >= p ▶ SerDes ▶ FEC ▶ flight ▶ ..
//!             └▶ replay buffer ◀─ ack, nak ── header of a frame back, credits with it
//! ```
//!
//! Where the class has blocks ([`Block`]), flits of a packet lie behind a header and before a check, and a block
//! closes when its packet ends or has a gap; the rest of the wire is idle fill.
//!
//! Not known here: routers, packets beyond their flits, what a credit buys, the classes that there are.

mod account;
mod bank;
mod block;
mod cable;
mod class;
mod elastic;
mod errors;
mod fec;
mod framing;
mod impairment;
mod replay;
#[cfg(test)]
mod tests;
mod timing;

pub use account::{Account, SLICES};
pub use bank::{Links, Transit};
pub use cable::{LaneFault, LinkEvent, Trouble};
pub use class::{Block, Energy, FrameClass, Layout, Replay, Skip, Spares, Undetected};
pub use elastic::Elastic;
pub use errors::{Burst, Noise, Shape, frame_loss};
pub use fec::{Code, upper_tail};
pub use framing::FramedPair;
pub use impairment::{Impairment, Lossless};
pub use timing::{LinkParams, Timing};
