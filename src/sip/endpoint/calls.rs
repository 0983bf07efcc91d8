//! Calls as the layer above sees them. What the commands do stands in the module of each.

use super::{CallError, CallId, DialogId, Endpoint, Relation, RequestId, Target};
use crate::engine::Cx;
use crate::sip::dialog::Dialog;
use crate::sip::msg::header::Reason;
use crate::sip::msg::{Request, Response};
use bytes::Bytes;

impl Endpoint {
    /// Calls: sends an INVITE, whose body is the offer. Fills in what [`request`](Self::request) fills in,
    /// and a Contact if there is none.
    pub fn invite(&mut self, cx: &mut Cx<'_>, request: Request, target: Target) -> CallId {
        self.start_call(cx, request, target)
    }

    /// Whether an INVITE still waits for an answer of ours: its sender may have given up.
    pub fn is_ringing(&self, call: CallId) -> bool {
        self.ringing(call.0).is_some()
    }

    /// What the INVITE of a call that came in has to do with another call: its Replaces or Join (RFC 3891, RFC 3911).
    /// They are looked at only if [`Config::supported`](super::Config::supported) has `replaces` or `join`. That their sender may do this to the
    /// other call is for the layer above to check before it accepts.
    pub fn relation(&self, call: CallId) -> Option<Relation> {
        self.calls.get(call.0)?.relation
    }

    /// A dialog of a call, for a Replaces, Join or Target-Dialog that names it.
    pub fn dialog(&self, dialog: impl Into<DialogId>) -> Option<&Dialog> {
        let within = self.within(dialog.into())?;
        self.fork(within).map(|fork| &fork.dialog)
    }

    /// The early dialogs of an INVITE of ours, in the order in which they were made (RFC 3261 §13.2.2).
    pub fn early_dialogs(&self, call: CallId) -> impl Iterator<Item = DialogId> {
        let early = self.calls.get(call.0).map(|call| &call.early);
        (early.into_iter().flatten()).map(move |fork| DialogId::new(call, fork.number))
    }

    /// Sends a 1xx to an INVITE, or to a re-INVITE. If the caller or [`Config::required`](super::Config::required) demands it, or the response
    /// has `Require: 100rel`, as [`progress_reliably`](Self::progress_reliably) does.
    ///
    /// # Errors
    ///
    /// The call does not wait for an answer, the status is not provisional, or a description may not be in it.
    pub fn progress(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        response: Response,
    ) -> Result<(), CallError> {
        self.progress_call(cx, call.0, response, false)
    }

    /// Sends a 1xx other than 100 and again until its PRACK comes (RFC 3262 §3): [`Event::Acknowledged`](super::Event::Acknowledged). One is under
    /// way at a time, the next ones wait. Without a PRACK in 64 × T1 the INVITE is refused with 504.
    ///
    /// # Errors
    ///
    /// As [`progress`](Self::progress); also if the caller does not support it, or too many wait.
    pub fn progress_reliably(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        response: Response,
    ) -> Result<(), CallError> {
        self.progress_call(cx, call.0, response, true)
    }

    /// Sends the 2xx to an INVITE, and again until the ACK comes (RFC 3261 §13.3.1.4). To tag, Contact,
    /// Record-Route and Session-Expires are added. It waits while a reliable provisional response with a description is
    /// not acknowledged (RFC 3262 §5).
    ///
    /// # Errors
    ///
    /// The call does not wait for an answer, or a description is missing or may not be in it. A caller that has given
    /// up meanwhile is told of by [`Event::Cancelled`](super::Event::Cancelled) as well.
    pub fn accept(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        response: Response,
    ) -> Result<(), CallError> {
        self.accept_call(cx, call.0, response)
    }

    /// Refuses an INVITE; the call is over. Nothing happens if it does not wait for an answer.
    pub fn reject(&mut self, cx: &mut Cx<'_>, call: CallId, response: Response) {
        self.reject_call(cx, call.0, response);
    }

    /// Ends a call as its state demands: CANCEL once a provisional response allows it, BYE, or 487. A 2xx that
    /// crosses the CANCEL is acknowledged and followed by BYE. Ends with [`Event::Rejected`](super::Event::Rejected) for an unanswered call
    /// of ours, else with [`Event::Ended`](super::Event::Ended).
    pub fn hang_up(&mut self, cx: &mut Cx<'_>, call: CallId, reason: Option<Reason>) {
        self.hang_up_call(cx, call.0, reason.as_ref());
    }

    /// Ends one early dialog of our INVITE by BYE; the others go on (RFC 3261 §15).
    ///
    /// # Errors
    ///
    /// The dialog is over, or not early.
    pub fn hang_up_early(&mut self, cx: &mut Cx<'_>, dialog: DialogId) -> Result<(), CallError> {
        self.end_early_dialog(cx, dialog)
    }

    /// Offers a new session description in a call by re-INVITE; without one, asks the peer for its offer. Ends with
    /// [`Event::Reanswered`](super::Event::Reanswered). One that meets the peer's is tried again after a while (RFC 3261 §14.1).
    ///
    /// # Errors
    ///
    /// The call is not up, or another exchange is under way.
    pub fn reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        sdp: Option<Bytes>,
    ) -> Result<(), CallError> {
        self.offer_again(cx, call.0, sdp)
    }

    /// Answers [`Event::Reinvited`](super::Event::Reinvited), with a 2xx or a refusal.
    ///
    /// # Errors
    ///
    /// There is no re-INVITE to be answered, or a description is missing or may not be in it.
    pub fn answer_reinvite(
        &mut self,
        cx: &mut Cx<'_>,
        call: CallId,
        response: Response,
    ) -> Result<(), CallError> {
        self.answer_reinvite_of(cx, call.0, response)
    }

    /// Sends an UPDATE (RFC 3311), in an early dialog or a confirmed one; with a description it offers. Ends with
    /// [`Event::Updated`](super::Event::Updated). One that meets the peer's offer is tried again after a while.
    ///
    /// # Errors
    ///
    /// The dialog is over, the peer does not allow UPDATE, another one is under way, or nothing may be offered now.
    pub fn update(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: impl Into<DialogId>,
        sdp: Option<Bytes>,
    ) -> Result<(), CallError> {
        self.update_dialog(cx, dialog.into(), sdp)
    }

    /// Answers [`Event::Offered`](super::Event::Offered), with a 2xx that has the answer or a refusal.
    ///
    /// # Errors
    ///
    /// There is no offer to be answered (any more), or the answer is missing.
    pub fn answer_offer(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: impl Into<DialogId>,
        response: Response,
    ) -> Result<(), CallError> {
        self.answer_offered(cx, dialog.into(), response)
    }

    /// Acknowledges a response that was held: a 2xx by ACK, a reliable provisional response by PRACK. The description
    /// answers the offer of the response; in a PRACK it may offer if the response has answered (RFC 3262 §5).
    ///
    /// # Errors
    ///
    /// Nothing was held (any more), or a description is missing or may not be in it.
    pub fn acknowledge(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: impl Into<DialogId>,
        sdp: Option<Bytes>,
    ) -> Result<(), CallError> {
        self.acknowledge_held(cx, dialog.into(), sdp)
    }

    /// Sends a request in the dialog of a call: Request-URI, Route, From, To, Call-ID and CSeq are filled in.
    /// `None` if the call has no dialog (any more).
    pub fn request_in_call(
        &mut self,
        cx: &mut Cx<'_>,
        dialog: impl Into<DialogId>,
        request: Request,
    ) -> Option<RequestId> {
        self.send_in_dialog(cx, dialog.into(), request)
    }
}
