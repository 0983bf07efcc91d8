//! The play itself.

use crate::stage::{Sent, Stage, Who};
use Who::{Alice, Bob};
use cpm::client::{ChatId, Event, MessageId, Options, Priority};
use std::time::{Duration, Instant};

pub(crate) async fn play(stage: &mut Stage) -> Result<(), String> {
    stage.heading("Alice (UDP) and Bob (TCP) register with digest authentication.");
    for who in [Alice, Bob] {
        stage.client(who).node.register(Instant::now());
    }
    for who in [Alice, Bob] {
        let registered = |event: &Event| matches!(event, Event::Registered { .. });
        stage
            .until("registration", |stage| stage.has_heard(who, registered))
            .await?;
    }

    stage.heading("Alice sends Bob a pager message: one SIP MESSAGE, and two reports come back.");
    let options = Options {
        priority: Some(Priority::Urgent),
        ..Options::default()
    };
    let hello = message(stage, Alice, "Hello Bob, are you there?", &options)?;
    displayed(stage, &hello).await?;

    stage.heading("Alice opens a chat, types, and writes: SIP sets it up, MSRP carries it.");
    let chat = stage
        .client(Alice)
        .node
        .open_chat(Instant::now(), Bob.uri());
    let accepted = |event: &Event| matches!(event, Event::Accepted { .. });
    stage
        .until("the open chat", |stage| {
            stage.has_heard(Alice, accepted) && stage.has_heard(Bob, accepted)
        })
        .await?;
    stage.client(Alice).node.typing(Instant::now(), chat);
    let typing = |event: &Event| matches!(event, Event::Typing { active: true, .. });
    stage
        .until("typing", |stage| stage.has_heard(Bob, typing))
        .await?;
    let first = text(stage, Alice, chat, "Shall we meet?")?;
    displayed(stage, &first).await?;
    let bobs = stage
        .client(Bob)
        .node
        .open_chat(Instant::now(), Alice.uri());
    let answer = text(stage, Bob, bobs, "Yes! 👋 When?")?;
    displayed(stage, &answer).await?;

    stage.heading("A long message in the chat, and one on its own: too large for a SIP MESSAGE.");
    let long = "All work and no play makes Jack a dull boy. ".repeat(60);
    let in_chat = text(stage, Alice, chat, &long)?;
    displayed(stage, &in_chat).await?;
    let alone = message(stage, Bob, &long, &Options::default())?;
    displayed(stage, &alone).await?;

    stage.heading("Bob's network is cut. Alice goes on writing; the server keeps it.");
    let cut_off = text(stage, Alice, chat, "At eight, at the station.")?;
    stage.cut(Bob);
    let mut kept = vec![cut_off];
    for line in ["Or is nine better for you?", "Bob?"] {
        kept.push(text(stage, Alice, chat, line)?);
    }
    kept.push(message(
        stage,
        Alice,
        "Call me when you read this.",
        &Options::default(),
    )?);
    stage.wait(Duration::from_millis(1500)).await;

    stage.heading("Bob is back, and gets what he missed, in order.");
    stage.restore(Bob);
    for message in &kept {
        displayed(stage, message).await?;
    }
    in_order(stage, &kept)?;

    stage.heading("They say goodbye.");
    let goodbye = text(stage, Bob, bobs, "Nine it is. See you!")?;
    displayed(stage, &goodbye).await?;
    stage.client(Alice).node.end_chat(Instant::now(), chat);
    let ended = |event: &Event| matches!(event, Event::Ended { .. });
    stage
        .until("the end of the chat", |stage| stage.has_heard(Alice, ended))
        .await?;
    for who in [Alice, Bob] {
        stage.client(who).node.unregister(Instant::now());
    }
    for who in [Alice, Bob] {
        let gone = |event: &Event| matches!(event, Event::Unregistered);
        stage
            .until("goodbye", |stage| stage.has_heard(who, gone))
            .await?;
    }
    // A late duplicate would show itself now.
    stage.wait(Duration::from_millis(300)).await;
    stage.heading("The end.");
    Ok(())
}

fn text(stage: &mut Stage, who: Who, chat: ChatId, text: &str) -> Result<MessageId, String> {
    let sent = stage.client(who).node.send_text(Instant::now(), chat, text);
    note(stage, who, text, sent)
}

fn message(
    stage: &mut Stage,
    who: Who,
    text: &str,
    options: &Options,
) -> Result<MessageId, String> {
    let peer = if who == Alice { Bob } else { Alice };
    let sent = stage
        .client(who)
        .node
        .send_message(Instant::now(), &peer.uri(), text, options);
    note(stage, who, text, sent)
}

fn note(
    stage: &mut Stage,
    who: Who,
    text: &str,
    sent: Result<MessageId, cpm::client::SendError>,
) -> Result<MessageId, String> {
    let message = sent.map_err(|error| error.to_string())?;
    let text = if text.len() > 60 {
        format!("{}… ({} bytes)", &text[..40], text.len())
    } else {
        text.to_owned()
    };
    stage.say(&format!(
        "{:<5} writes: {text}",
        if who == Alice { "alice" } else { "bob" }
    ));
    stage.sent.insert(message.clone(), Sent::default());
    Ok(message)
}

/// Waits until a message was shown to its recipient and its sender knows it.
async fn displayed(stage: &mut Stage, message: &MessageId) -> Result<(), String> {
    let done = |stage: &Stage| {
        stage
            .sent
            .get(message)
            .is_some_and(|sent| sent.shown > 0 && sent.delivered > 0 && sent.displayed > 0)
    };
    stage
        .until("a message that is delivered and displayed", done)
        .await
}

/// Whether messages were shown in the order in which they were written.
fn in_order(stage: &Stage, messages: &[MessageId]) -> Result<(), String> {
    let shown = stage.heard.iter().filter_map(|(_, event)| match event {
        Event::Message { message, .. } if messages.contains(message) => Some(message),
        _ => None,
    });
    if shown.eq(messages) {
        Ok(())
    } else {
        Err("missing: the order in which messages were written".into())
    }
}
