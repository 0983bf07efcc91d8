//! Which of a user's devices something goes to.

use super::{Devices, Event, Participating};
use crate::conversation::{Content, Destination, Envelope, Message, Parcel, Service};
use crate::engine::{Ids, Map};
use crate::node::Net;
use crate::sip::bindings::Binding;
use crate::sip::msg::header::FeatureTags;
use crate::sip::{Source, Target, Uri};
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
        let offers = |binding: &Binding| FeatureTags::new(&binding.params).has_icsi(service.icsi());
        let plain = |binding: &Binding| {
            service == Service::Pager && FeatureTags::new(&binding.params).icsis().next().is_none()
        };
        let mut devices = (self.bindings.of(user).iter())
            .filter(|binding| offers(binding) || plain(binding))
            .collect::<Vec<_>>();
        // Where people take their messages with a device of CPM, a plain telephone comes last.
        devices.sort_by_key(|binding| !offers(binding));
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
        devices.into_iter().map(destination).collect()
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

/// The way to a device: its Contact over the flow it registered by, or along its Path.
pub(super) fn destination(device: &Binding) -> Destination {
    let route = device.path.iter().filter_map(|uri| uri.parse::<Uri>().ok());
    let route = route.collect::<Vec<_>>();
    let target = if route.is_empty() {
        Target::Flow(device.source)
    } else {
        Target::Uri
    };
    Destination {
        request_uri: device.contact.clone(),
        route,
        target,
    }
}

/// Messages that are remembered.
const ROOM: usize = 100_000;
