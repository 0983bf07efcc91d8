//! What goes wrong in a world.

use super::link::Link;
use super::pipe::{PipeId, State};
use super::queue::{Happening, HostId};
use super::{Machine, World};
use std::time::Duration;

/// Who learns that a stream was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Both ends, each after a while.
    Both,
    /// The host that is named. The other end learns when it sends something.
    Here,
    /// The other ends. The host that is named learns when it sends something.
    There,
}

impl<M: Machine> World<M> {
    /// What the network does wherever nothing else was said.
    pub const fn set_link(&mut self, link: Link) {
        self.link = link;
    }

    /// What the network does between two hosts.
    pub fn set_link_between(&mut self, one: &str, other: &str, link: Link) {
        let pair = pair(self.id(one), self.id(other));
        self.links.insert(pair, link);
    }

    /// Lets nothing pass between two hosts. Streams hold what is sent on them, and break after a minute.
    pub fn part(&mut self, one: &str, other: &str) {
        let pair = pair(self.id(one), self.id(other));
        self.parted.insert(pair);
    }

    /// Lets everything pass again.
    pub fn heal(&mut self, one: &str, other: &str) {
        let (one, other) = (self.id(one), self.id(other));
        self.parted.remove(&pair(one, other));
        self.go_on();
    }

    /// Pulls a host off the network: it knows at once that its streams are broken, the other ends do not.
    pub fn unplug(&mut self, name: &str) {
        let id = self.id(name);
        self.hosts[id].plugged = false;
        for (pipe, end) in self.ends_of(id) {
            self.tell_closed(pipe, end);
        }
        self.settle(id);
    }

    /// Puts a host back on the network.
    pub fn plug(&mut self, name: &str) {
        let id = self.id(name);
        self.hosts[id].plugged = true;
        self.go_on();
    }

    /// Whether a host is on the network.
    pub fn is_plugged(&self, name: &str) -> bool {
        self.hosts[self.id(name)].plugged
    }

    /// Cuts every stream of a host.
    pub fn cut(&mut self, name: &str, who: Cut) {
        let id = self.id(name);
        for (pipe, end) in self.ends_of(id) {
            let other = end.other();
            let (here, there) = (self.latency(pipe), self.latency(pipe));
            let now = self.now;
            if matches!(who, Cut::Both | Cut::Here) {
                self.queue.push(now + here, Happening::Reset(pipe, end));
            }
            if matches!(who, Cut::Both | Cut::There) {
                self.queue.push(now + there, Happening::Reset(pipe, other));
            }
        }
    }

    /// Ends a host as if its process had been killed: all that it knew is gone, its streams are reset. Gives
    /// back the machine, of which only what is durable may be used.
    pub fn crash(&mut self, name: &str) -> Option<M> {
        let id = self.id(name);
        for (pipe, end) in self.ends_of(id) {
            let at = self.now + self.latency(pipe);
            if let Some(pipe) = self.pipes.get_mut(&pipe) {
                pipe.side_mut(end).state = State::Gone;
            }
            self.queue.push(at, Happening::Reset(pipe, end.other()));
        }
        self.hosts[id].vacate()
    }

    /// Ends a host as if its power had been cut: the other ends of its streams learn nothing until they send
    /// something. Gives back what [`crash`](Self::crash) does.
    pub fn power_off(&mut self, name: &str) -> Option<M> {
        let id = self.id(name);
        for (pipe, end) in self.ends_of(id) {
            if let Some(pipe) = self.pipes.get_mut(&pipe) {
                pipe.side_mut(end).state = State::Gone;
            }
        }
        self.hosts[id].plugged = false;
        self.hosts[id].vacate()
    }

    /// Starts a host again with a fresh machine.
    pub fn restart(&mut self, name: &str, machine: M) {
        let id = self.id(name);
        self.hosts[id].plugged = true;
        self.start(id, machine);
    }

    pub(super) fn link_of(&self, one: HostId, other: HostId) -> Link {
        let link = self.links.get(&pair(one, other));
        link.copied().unwrap_or(self.link)
    }

    pub(super) fn latency(&mut self, pipe: PipeId) -> Duration {
        let hosts = self
            .pipes
            .get(&pipe)
            .and_then(|pipe| Some((pipe.caller.host?, pipe.listener.host?)));
        let link = hosts.map_or(self.link, |(one, other)| self.link_of(one, other));
        link.latency(&mut self.chance)
    }

    pub(super) fn is_cut(&self, pipe: PipeId) -> bool {
        let hosts = self
            .pipes
            .get(&pipe)
            .and_then(|pipe| Some((pipe.caller.host?, pipe.listener.host?)));
        hosts.is_none_or(|(one, other)| self.is_parted(one, other))
    }

    pub(super) fn is_parted(&self, one: HostId, other: HostId) -> bool {
        let unplugged = |id: HostId| !self.hosts[id].plugged;
        one != other
            && (unplugged(one) || unplugged(other) || self.parted.contains(&pair(one, other)))
    }
}

fn pair(one: HostId, other: HostId) -> (HostId, HostId) {
    (one.min(other), one.max(other))
}
