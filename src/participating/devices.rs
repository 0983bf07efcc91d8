//! Which of a user's devices something goes to.

use super::{Devices, Event, Participating};
use crate::conversation::{Content, Destination, Envelope, Message, Parcel, Service};
use crate::engine::{Ids, Map};
use crate::node::Net;
use crate::sip::bindings::Binding;
use crate::sip::msg::header::FeatureTags;
use crate::sip::{Source, Target, Uri, Way};
use crate::wire::Text;
use std::collections::VecDeque;

/// Which device sent a message that reports may come back for, as far back as there is room.
///
/// A SIP MESSAGE names no device, so a report on it names none either; the function that saw it go out
/// knows. Nothing is remembered of users with a single device.
#[derive(Debug)]
pub(super) struct Senders {
    devices: Map<Text, Text>,
    order: VecDeque<Text>,
}

impl Senders {
    pub(super) fn new(ids: &mut Ids) -> Self {
        Self {
            devices: ids.map(),
            order: VecDeque::new(),
        }
    }

    fn insert(&mut self, message: &Text, device: Text) {
        let message = message.compact();
        if self.devices.insert(message.clone(), device).is_none() {
            self.order.push_back(message);
        }
        while self.order.len() > ROOM {
            if let Some(oldest) = self.order.pop_front() {
                self.devices.remove(&oldest);
            }
        }
    }
}

impl Participating {
    /// The devices that a request of `service` goes to, the preferred one first: the one it asks for, else
    /// those that its user has chosen of all that offer the service. A plain SIP user agent names no services;
    /// it is good for pager messages only.
    pub(super) fn devices(
        &self,
        user: &str,
        service: Service,
        instance: Option<&str>,
    ) -> Vec<&Binding> {
        if self.unwilling.contains(user) {
            return Vec::new();
        }
        let (mut devices, mut plain) = (Vec::new(), Vec::new());
        // A device with several flows is one device, at the flow that is up and was registered last (RFC 5626 §6).
        let mut seen: Vec<&Text> = Vec::new();
        for binding in self.bindings.of(user) {
            let tags = FeatureTags::new(&binding.params);
            let fit = if tags.has_icsi(service.icsi()) {
                &mut devices
            } else if service == Service::Pager && tags.icsis().next().is_none() {
                &mut plain
            } else {
                continue;
            };
            if binding
                .instance
                .as_ref()
                .is_none_or(|it| !seen.contains(&it))
            {
                seen.extend(&binding.instance);
                fit.push(binding);
            }
        }
        // Where people take their messages with a device of CPM, a plain telephone comes last.
        devices.append(&mut plain);
        if let Some(instance) = instance
            && let Some(asked) =
                (devices.iter()).find(|binding| binding.instance.as_deref() == Some(instance))
        {
            return vec![asked];
        }
        match self.choices.get(user) {
            None | Some(Devices::All) => {}
            Some(Devices::Preferred) => devices.truncate(1),
            Some(Devices::Instances(chosen)) => devices.retain(|binding| {
                (binding.instance.as_ref()).is_some_and(|instance| chosen.contains(instance))
            }),
            Some(Devices::Feature(tag)) => {
                devices.retain(|binding| FeatureTags::new(&binding.params).has(tag));
            }
        }
        devices
    }

    /// Whether there is a device that a request of `service` can go to.
    pub(super) fn has_device(&self, user: &str, service: Service) -> bool {
        !self.devices(user, service, None).is_empty()
    }

    /// The ways to the devices that a request of `service` goes to.
    pub(super) fn destinations(
        &self,
        user: &str,
        service: Service,
        instance: Option<&str>,
    ) -> Vec<Destination> {
        let devices = self.devices(user, service, instance);
        let way = |device| self.destination(user, device);
        devices.into_iter().map(way).collect()
    }

    /// The way to a device: its Contact over the flow it registered by, or along its Path. With several flows, the others
    /// as well.
    pub(super) fn destination(&self, user: &str, device: &Binding) -> Destination {
        let mut destination = destination(device);
        let is_other = |other: &&Binding| {
            other.instance.is_some() && other.instance == device.instance && *other != device
        };
        let others: Vec<_> = (self.bindings.of(user).iter()).filter(is_other).collect();
        if !others.is_empty() {
            let all = std::iter::once(device).chain(others);
            destination.target = Target::Ways(all.map(way).collect());
        }
        destination
    }

    /// The device that a request came from, if its user has several.
    pub(super) fn device_of(&self, user: &str, source: Source) -> Option<Text> {
        let devices = self.bindings.of(user);
        if devices.len() < 2 {
            return None;
        }
        let is_it = |binding: &&Binding| match source.conn {
            Some(_) => binding.source.conn == source.conn,
            None => binding.source.peer == source.peer,
        };
        devices.iter().find(is_it)?.instance.clone()
    }

    /// Remembers which device a message came from.
    pub(super) fn remember_sender(
        &mut self,
        net: &Net<'_, Event>,
        device: Option<Text>,
        parcel: &Parcel,
    ) {
        let Some(device) = device else { return };
        if let Ok(Message { id: Some(id), .. }) = Message::read(parcel, net.ends.cx.limits) {
            self.senders.insert(&id, device);
        }
    }

    /// The device that a message is for: of a report, the one that sent what is reported on.
    pub(super) fn addressee(
        &self,
        net: &Net<'_, Event>,
        user: &str,
        envelope: &Envelope,
        parcel: &Parcel,
    ) -> Option<Text> {
        if envelope.instance.is_some() || self.bindings.of(user).len() < 2 {
            return envelope.instance.clone();
        }
        match Message::read(parcel, net.ends.cx.limits).ok()?.content {
            Content::Reports(reports) => {
                let first = reports.first()?;
                self.senders.devices.get(&first.message_id).cloned()
            }
            _ => None,
        }
    }
}

/// One way to a device: its Contact over the flow it registered by, or along its Path.
fn way(device: &Binding) -> Way {
    let route = device.path.iter().filter_map(|uri| uri.parse::<Uri>().ok());
    let route = route.collect::<Vec<_>>();
    Way {
        uri: device.contact.clone(),
        flow: route.is_empty().then_some(device.source),
        route,
    }
}

fn destination(device: &Binding) -> Destination {
    let Way { uri, route, flow } = way(device);
    Destination {
        request_uri: uri,
        route,
        target: flow.map_or(Target::Uri, Target::Flow),
    }
}

/// Messages that are remembered.
const ROOM: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Clock, DateTime, Seed, Transport};
    use crate::participating::Config;
    use crate::participating::Restored;
    use crate::wire::params::Params;
    use std::time::{Duration, Instant};

    fn binding(now: Instant, instance: &str, reg_id: u32, port: u16) -> Binding {
        let addr = |text: &str| text.parse().unwrap();
        Binding {
            contact: format!("sip:bob@10.0.0.7:{port}").parse().unwrap(),
            display: None,
            params: Params::default(),
            instance: Some(Text::from(instance)),
            reg_id: Some(reg_id),
            q: 1000,
            path: Vec::new(),
            user_agent: None,
            call_id: Text::default(),
            cseq: 1,
            source: Source {
                transport: Transport::Udp,
                local: addr("10.0.0.1:5060"),
                peer: addr(&format!("10.0.0.7:{port}")),
                conn: None,
            },
            has_flow: true,
            registered_at: now + Duration::from_secs(port.into()),
            expires_at: now + Duration::from_secs(9999),
        }
    }

    #[test]
    fn rfc5626_6_several_flows_are_one_device_with_several_ways() {
        let now = Instant::now();
        let mut ids = Ids::new(Seed::from_number(1));
        let clock = Clock::new(now, DateTime::default());
        let config = Config::new("example.com");
        let mut function = Participating::new(config, Restored::default(), &clock, &mut ids);
        let bob = "sip:bob@example.com";
        for (instance, reg_id, port) in [("phone", 1, 1), ("tablet", 1, 2), ("phone", 2, 3)] {
            let binding = binding(now, instance, reg_id, port);
            function.bindings.insert(Text::from(bob), binding);
        }
        let destinations = function.destinations(bob, Service::Pager, None);
        let uris: Vec<_> = (destinations.iter())
            .map(|destination| destination.request_uri.to_string())
            .collect();
        assert_eq!(uris, ["sip:bob@10.0.0.7:3", "sip:bob@10.0.0.7:2"]);
        let Target::Ways(ways) = &destinations[0].target else {
            panic!("{destinations:?}")
        };
        let uris: Vec<_> = ways.iter().map(|way| way.uri.to_string()).collect();
        assert_eq!(uris, ["sip:bob@10.0.0.7:3", "sip:bob@10.0.0.7:1"]);
        assert!(matches!(destinations[1].target, Target::Flow(_)));
    }
}
