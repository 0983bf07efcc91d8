//! The rules of the specifications, one test each.

mod rfc3261;
mod rfc3262;
mod rfc3263;
mod rfc3311;
mod rfc3515;
mod rfc3862;
mod rfc3891;
mod rfc3903;
mod rfc3994;
mod rfc4475;
mod rfc4566;
mod rfc4575;
mod rfc4975;
mod rfc4976;
mod rfc5118;
mod rfc5438;
mod rfc5547;
mod rfc5922;
mod rfc6086;
mod rfc6228;
mod rfc6337;
mod rfc6665;
mod rfc7118;
mod rfc7701;
mod torture;
mod wire;
