//! What attackers do to SIP, the rule that is against it, and the tests that play the attacker.
//!
//! | class | rule | tests |
//! |---|---|---|
//! | memory errors in a parser | no `unsafe`; every number has a range, every error a type | `tests/seeds.rs`, the fuzz targets |
//! | multipart bombs | depth, parts and headers are bounded before anything is kept | `multipart::bombs_do_not_go_off` |
//! | header bombs | fields, lines and heads are bounded, and nothing is read twice | `attacks_sip::attack_3_more_of_anything_takes_only_as_much_longer`, `attacks_sip::attack_3_a_bomb_is_refused_before_it_is_read` |
//! | XML bombs | no DTD, no entities but the five, bounded depth | `xml::tests::bombs_do_not_go_off` |
//! | compression bombs | a ratio and a size at which inflating stops | `encoding::a_bomb_stops_at_the_ratio_and_at_the_cap` |
//! | smuggling by Content-Length | a stream that is out of step is closed, never searched for the next message | `frame::rfc3261_18_3_messages_come_out_whole_at_every_split_point` |
//! | smuggling of headers between hops | one reading of a name, whatever its case and form; what a client says of identities is gone behind the door | `attacks_sip::attack_7_a_header_is_the_same_however_it_is_spelled`, `attacks_sip::attack_7_no_control_character_hides_a_header` |
//! | SIP in a request of another protocol | a connection whose first bytes are no SIP is closed | `attacks::attack_08_a_request_to_another_protocol_carries_none_of_sip` |
//! | digest: replay | a nonce is bound to time and source, and each count of it good once | `verifier::counts_may_overtake_each_other_but_never_repeat` |
//! | digest: asking for another's realm | a realm is answered where it is at home, and in a dialog nowhere else | `rfc7616::attack_09_a_realm_is_answered_only_where_it_is_at_home`, `rfc7616::attack_09_without_a_realm_the_first_server_is_the_only_one` |
//! | digest: a server that only says it knows the password | `rspauth` is checked, and may be demanded | `rfc7616::rfc7616_3_5_a_server_that_does_not_know_the_password_has_not_accepted_anything` |
//! | requests of who has proved nothing | nothing goes further and nothing is kept until the door knows who it is from | `attacks::attack_10_who_has_proved_nothing_reaches_nobody` |
//! | state without credentials | what somebody begins waits at the door as a transaction, and is no call or subscription; a challenge leaves not even that, and a nonce that comes back costs no question unless it was made for that address | `attacks::attack_15_who_has_proved_nothing_costs_an_answer_and_nothing_else`, `s22_door::rfc3261_22_a_request_is_a_transaction_and_nothing_more_until_it_is_let_in`, `s22_door::rfc3261_22_what_is_challenged_leaves_nothing_behind`, `s22_door::rfc3261_22_what_is_challenged_on_a_stream_leaves_its_connection_and_nothing_else` |
//! | amplification | what goes back to a source that may be forged has at most [`Limits::sip_amplification`](crate::engine::Limits::sip_amplification) percent of what came, and is sent once; an answer to STUN has at most 32 bytes more than the question | `attacks::attack_14_who_forges_a_source_gets_little_for_what_it_sends_and_once`, `attacks::attack_14_what_cannot_be_answered_in_few_bytes_is_not` |
//! | floods | budgets for one source and for all; over them 503 with Retry-After, which leaves nothing | `attacks::attack_15_one_source_cannot_use_up_what_is_there_for_all`, `attacks::attack_15_idle_connections_of_one_source_do_not_keep_others_out`, `s8_requests::over_the_limit_a_request_gets_503_and_leaves_nothing`, `flood::g10_over_its_bounds_a_server_asks_for_patience_and_forgets` |
//! | floods beside people who talk | what is challenged costs nothing that lasts | `flood::g6_people_go_on_talking_while_strangers_flood_the_server` |
//! | connections that are not used, half messages | who has said nothing makes way for who comes, and no message is waited for for ever | `flood::g6_connections_that_nobody_uses_make_way_for_one_who_has_something_to_say`, `flood::g6_half_a_message_is_not_waited_for_however_often_a_byte_more_comes` |
//! | peers that do not read | they are not read either, and then left | `flood::g6_who_asks_and_never_reads_is_not_read_any_more_and_then_left` |
//! | storms of subscriptions, notifications and devices | as many for one user as there may be; a NOTIFY for nothing leaves nothing | `flood::g6_a_user_has_no_more_subscriptions_and_devices_than_there_may_be`, `flood::g6_notifications_that_nobody_has_asked_for_leave_nothing` |
//! | what ends in an order that nobody thought of | handles with generations, one owner, no callbacks | `rfc6665::rfc6665_4_4_3_a_subscribe_for_no_time_leaves_nothing_behind`, `rfc6665_any_order`, `rfc3261::any_order`, the fuzz targets of whole nodes |
//! | floods of hashes | SipHash with a key from the seed | `map::attack_17_who_does_not_know_the_seed_does_not_know_where_a_key_falls` |
//! | trust in names | one connection for one proved name | `tests/conformance/rfc5922.rs` |
//!
//! What is not there: the stateless answers are those that every such request gets (400, 401, 403, 405, 407, 416, 420 to
//! 423, 481, 482, 489, 501, 503, and what an OPTIONS outside a dialog is answered with), others are sent as RFC 3261 has
//! it. Who answers a challenge makes the function ask for a password, and waits as a transaction for that; so it has to be
//! where it says, and [`Limits::sip_source_requests`](crate::engine::Limits::sip_source_requests) bounds how often.
