//! Whole conversations in the simulated world, each told as a story and named after what it shows.

mod stage;
mod two_domains;

mod chaos;
mod deferred;
mod deflate;
mod devices;
mod expiry;
mod flood;
mod hostile;
mod loss;
mod media_path;
mod one_to_one;
mod privacy;
mod pull;
mod restart;
mod session_information;
mod spoofing;
