//! Which requirement is met, and which test proves it.
//!
//! A test is named by the end of its module's path and its own name; `cargo test NAME` runs it. `tests/conformance_table.rs`
//! reads this file and fails where a test does not exist, so that claim and proof cannot drift apart. What has no test is
//! not here; what is not there at all is in [`limits`](super::limits).
//!
//! # Requirements of CPM 2.0, one-to-one
//!
//! The numbers are those of the project's list of requirements, made from OMA's.
//!
//! | requirement | what | proved by |
//! |---|---|---|
//! | R2 receipts and typing in a chat | delivered, displayed and "is typing" pass both ways in the session | `one_to_one::r2_r38_r205_a_chat_with_receipts_both_ways`, `one_to_one::r30_rfc3994_3_2_typing_is_told_once_a_minute_and_ends_after_15_s` |
//! | R3 a chat while its peer is unavailable | answered on the peer's behalf, kept, nothing lost when the connection is cut | `deferred::r3_r4_r90_a_chat_with_who_is_away_is_answered_and_kept`, `deferred::r3_what_is_said_to_who_was_cut_off_is_not_lost`, `deferred::r3_what_is_said_while_a_phone_is_off_the_network_arrives_when_it_is_back` |
//! | R4 delivery when the recipient returns | in order, reports as well | `deferred::r4_what_waited_comes_in_the_order_in_which_it_was_sent`, `deferred::r4_r102_reports_wait_for_who_is_away` |
//! | R15 SIP core communication | registration and requests with a password, and none without | `one_to_one::r15_who_does_not_know_the_password_is_not_registered_and_sends_nothing`, `s8_requests::rfc3261_8_1_1_a_request_is_made_complete` |
//! | R16, R208 media plane | MSRP between two endpoints, both ways, in order | `pair::messages_go_both_ways_in_order` |
//! | R17 service logic driven by events | the same seed and the same inputs give the same bytes | `loss::g2_the_same_seed_is_the_same_run`, `layers::only_the_rim_touches_the_world` |
//! | R19 SIP transactions | messages and chats survive the loss of every fifth datagram | `loss::r19_messages_survive_a_network_that_loses_every_fifth_datagram`, `loss::r19_chats_survive_a_network_that_loses_every_fifth_datagram` |
//! | R20 registration with addresses and device name | the server knows device, services and name after one REGISTER | `one_to_one::r20_a_device_registers_with_a_password_and_its_name_is_known` |
//! | R21 several addresses in parallel | two addresses of one user are two threads | `one_to_one::r21_two_addresses_of_one_user_are_two_threads` |
//! | R23 sending a message | its size and the open chat decide how it travels | `service::r23_the_size_and_the_open_chat_decide_the_mode`, `one_to_one::r23_the_size_of_a_message_decides_how_it_travels`, `one_to_one::r23_r69_a_message_of_many_chunks_arrives_whole` |
//! | R25, R26 priority and reply address | arrive as they were sent | `one_to_one::r25_r26_priority_and_reply_to_arrive` |
//! | R27 receiving a message | taken, decoded, shown once | `one_to_one::r23_r27_r29_a_pager_message_is_delivered_and_displayed`, `receipts::a_duplicate_is_known_while_there_is_room`, `encoding::base64_of_peers` |
//! | R29 notifications | as asked for, and none that nobody asked for; states only grow | `one_to_one::r29_nothing_is_reported_that_nobody_asked_for`, `receipts::states_only_grow` |
//! | R30 typing | active once per refresh, idle after 15 s, and not believed for ever | `activity::rfc3994_3_2_active_is_said_once_per_refresh_and_idle_after_15_s`, `one_to_one::r30_rfc3994_3_3_a_typist_who_vanishes_is_not_believed_for_ever` |
//! | R38 opening, ending and restarting a chat | also when both open it at once, and by hand | `one_to_one::r38_both_open_a_chat_at_the_same_moment`, `one_to_one::r38_r61_a_chat_that_is_opened_again_is_the_same_conversation`, `one_to_one::r38_r89_a_chat_is_accepted_by_hand`, `one_to_one::r38_r89_a_chat_is_declined` |
//! | R39 negotiation | types, direction and who connects are answered from the offer; other media refused in their place | `msrp::rfc3264_6_an_answer_has_every_section_of_the_offer`, `msrp::rfc4145_4_1_setup_is_answered`, `rfc4566::rfc3264_6_other_media_are_refused_in_their_place` |
//! | R44, R45 session information | a user hears with whom its sessions are, on whichever device, where they stand and which streams they have, when they begin, change and end; nobody else does | `session_information::r44_r45_a_user_is_told_of_sessions_that_begin_change_and_end_on_another_device`, `session_information::r44_a_subscription_is_kept_alive_and_ended`, `session_information::r44_nobody_is_told_of_somebody_elses_sessions` |
//! | R61, R92 one conversation | a message and a chat share their Conversation-ID | `one_to_one::r61_r92_a_message_and_a_chat_share_their_conversation`, `one_to_one::r92_two_sessions_at_once_keep_the_order_of_one` |
//! | R63, R64 device name | given at registration, changed by the next one | `one_to_one::r63_r64_a_device_is_renamed` |
//! | R66 reports to the originating device | of two devices the one that sent the message hears what became of it | `one_to_one::r66_a_report_goes_to_the_device_that_sent_the_message` |
//! | R68 media connections | bound to one session, shared by many, lost without silent loss | `tests::rfc4975_5_4_a_session_is_bound_to_one_connection`, `pair::rfc4975_5_4_sessions_share_a_connection`, `pair::a_connection_lost_at_any_byte_loses_no_message_silently`, `sockets::r68_a_chat_over_tls` |
//! | R69 media requests and responses | chunks, reports, response codes | `tests::rfc4975_7_3_requests_that_do_not_belong_are_refused`, `pair::a_stopped_message_is_aborted_and_the_next_one_goes_on` |
//! | R89 session relay | accepted, declined and ended end to end | `one_to_one::r38_r89_a_chat_is_accepted_by_hand`, `one_to_one::r38_r89_a_chat_is_declined` |
//! | R90 answering on behalf, bridging late | who comes back is taken into the chat that waits | `deferred::r90_who_comes_back_is_taken_into_the_chat_that_waits` |
//! | R93 simultaneous conversations | a thousand chats do not mix | `one_to_one::r93_a_thousand_chats_at_once_do_not_mix` |
//! | R101 relaying messages | a message to nobody fails at once | `one_to_one::r101_a_message_to_nobody_fails_at_once` |
//! | R103, R106, R109 deferral | a message, large or small, waits for who is away or unwilling | `deferred::r103_r106_r109_a_message_waits_for_who_is_away`, `deferred::r103_a_large_message_waits_for_who_is_away`, `deferred::r103_who_is_unwilling_is_not_disturbed` |
//! | R109, R111, R59 pull | told size, sender and time; all, some or none is fetched or discarded; what breaks off stays | `pull::r109_r111_who_chooses_is_told_what_waits_and_fetches_all_of_it`, `pull::r111_some_are_fetched_some_discarded_and_the_rest_stays`, `pull::r109_what_breaks_off_stays_and_comes_once`, `pull::r109_reports_are_pushed_whatever_the_user_chose` |
//! | R107 the recipient's preferences | who refuses while away keeps nothing | `deferred::r107_who_refuses_while_away_keeps_nothing` |
//! | R108 durable keeping | what was accepted survives the server, whenever it dies | `restart::r108_what_was_kept_outlives_the_server`, `restart::r108_a_server_that_dies_at_any_moment_loses_nothing_that_it_took`, `restart::a_store_that_is_slow_loses_nothing_whenever_a_device_dies`, `sqlite::r108_what_was_kept_is_there_after_a_restart` |
//! | R110, R121, R124, R127 several devices: messages | all or a chosen part get it, each once; delivered when the first has it; one report of each kind | `devices::r110_r124_r127_each_device_gets_a_message_once_and_its_sender_one_report`, `devices::r110_r121_only_the_chosen_devices_get_a_message`, `devices::r110_a_message_waits_for_the_chosen_device`, `devices::r110_a_device_that_is_lost_holds_nobody_up_and_gets_nothing_later`, `devices::r110_what_was_kept_goes_to_every_device_that_is_there` |
//! | R122, R129 several devices: chats | all ring, the first has it, the others are told so | `devices::r122_r125_a_chat_rings_on_every_device_until_one_accepts`, `devices::r122_who_declines_on_one_device_declines_on_all`, `devices::r122_r129_of_devices_that_all_accept_one_has_the_chat`, `devices::r122_a_chat_that_nobody_answers_on_any_device_is_kept` |
//! | R126 several devices: what waits | each is told, one fetches it | `devices::r126_every_device_is_told_what_waits_and_one_fetches_it` |
//! | R112 expiry | at the second that the sender asked for, also across a restart | `expiry::r112_a_message_expires_at_the_second_its_sender_asked_for`, `expiry::r112_a_restart_does_not_forget_when_a_message_expires` |
//! | R113 the operator's maximum | the lesser of the two, or the default | `expiry::r113_the_operator_has_the_last_word`, `expiry::r113_without_a_wish_the_default_holds` |
//! | R114 what becomes of the expired | discarded, or put where its user finds it | `expiry::r114_what_expires_goes_into_the_store_of_who_wants_that` |
//! | R115 notice of non-delivery | to who asked, and only then | `expiry::r115_who_asked_is_told_that_a_message_was_not_delivered`, `expiry::r115_who_did_not_ask_is_not_told`, `expiry::r115_a_failure_waits_for_its_sender_too` |
//! | R108 a killed process | two clients and a server as programs; what a killed server took is delivered once, in order | `processes::r108_a_killed_server_delivers_what_it_took_once_and_in_order` |
//! | R108 devices after a restart | a device on UDP is found again, one that left is not | `restart::r108_devices_on_udp_are_found_again_after_a_restart` |
//! | R212 each service by its protocol | a chat is one INVITE, and no SIP MESSAGE leaves it | `one_to_one::r212_a_chat_is_one_invite_and_no_message_leaves_it` |
//! | R213 the media path | negotiated: the same chat over the function and from end to end; anchored while somebody is away or cannot be connected to | `media_path::r213_a_chat_is_the_same_over_the_function_and_from_end_to_end`, `media_path::r213_the_descriptions_of_both_ends_pass_untouched`, `media_path::r213_a_session_for_a_user_who_is_away_is_anchored`, `media_path::r213_devices_that_cannot_be_connected_to_are_anchored`, `media_path::r213_rfc4028_a_direct_session_is_kept_alive_for_hours` |
//! | R214, R217 two domains: messages | a message and its reports pass between two functions; who is away gets it later; an untrusted domain speaks for nobody | `two_domains::r214_r217_a_message_and_its_reports_pass_between_two_functions`, `two_domains::r214_who_is_away_in_the_other_domain_gets_it_later`, `two_domains::r214_a_domain_that_is_not_trusted_speaks_for_nobody` |
//! | R215, R218, R219 two domains: chats | a chat of many chunks with typing, delivered and displayed | `two_domains::r215_r218_r219_a_chat_between_two_domains_has_typing_and_reports` |
//! | RFC 3323, RFC 3325 §9.3 privacy | `Privacy: id`: the network knows, the recipient's devices and other domains do not | `privacy::rfc3325_9_3_a_message_does_not_tell_who_it_is_from`, `privacy::rfc3325_9_3_what_is_kept_does_not_tell_either`, `privacy::rfc3325_9_3_a_chat_without_a_name_has_reports_and_answers`, `privacy::who_does_not_say_who_it_is_to_others_says_it_to_the_network` |
//! | R215 trust | only the network says who somebody is; nobody registers or writes for somebody else | `spoofing::only_the_network_speaks_for_somebody_else`, `spoofing::nobody_registers_a_device_for_somebody_else`, `spoofing::who_proves_to_be_carol_is_from_carol` |
//!
//! # SIP
//!
//! | section | what | proved by |
//! |---|---|---|
//! | RFC 3261 §7 | names in any case and compact form, lists, folding, bytes kept | `name::rfc3261_7_3_3_every_compact_form_is_found_and_stands_for_one_name`, `tests::rfc3261_7_3_1_values_in_one_field_are_the_same_as_values_in_many`, `parse::rfc3261_7_3_1_names_and_values_in_any_spacing`, `tests::an_edit_touches_only_what_it_edits` |
//! | RFC 3261 §8.1 | requests are made complete and routed | `s8_requests::rfc3261_8_1_1_a_request_is_made_complete`, `s8_requests::rfc3261_8_1_2_first_route_then_proxy_then_request_uri` |
//! | RFC 3261 §8.2 | merged, malformed and impossible requests are refused | `s8_requests::rfc3261_8_2_2_2_a_request_that_came_by_two_ways_is_answered_482`, `s8_requests::rfc3261_8_2_2_3_what_we_do_not_have_cannot_be_required`, `s8_requests::rfc3261_8_2_6_2_a_malformed_request_is_answered_400_and_forgotten` |
//! | RFC 3261 §9 | CANCEL, and what crosses it | `s13_invite::rfc3261_9_1_a_cancel_waits_for_a_provisional_response`, `s13_invite::rfc3261_9_1_a_2xx_that_crosses_the_cancel_is_acknowledged_and_ended`, `s13_invite::rfc3261_9_2_a_cancel_ends_the_invite_with_487` |
//! | RFC 3261 §10.2 | a registration is made, refreshed, taken back | `s10_registration::rfc3261_10_2_a_registration_is_made_and_refreshed`, `s10_registration::rfc3261_10_2_8_too_brief_is_asked_for_again` |
//! | RFC 3261 §10.3 | the registrar's bindings | `bindings::rfc3261_10_3_adds_refreshes_and_removes`, `bindings::rfc3261_10_3_refusals_change_nothing` |
//! | RFC 3261 §12 | dialogs: route sets, sequence numbers, strict routers | `s12_dialogs::rfc3261_12_1_2_the_caller_turns_record_route_around`, `s12_dialogs::rfc3261_12_2_1_1_a_strict_router_gets_the_request_uri`, `s12_dialogs::rfc3261_12_2_2_out_of_order_is_500_and_unknown_is_481` |
//! | RFC 3261 §8.1.3.4 | redirections, followed in the order of q and bounded, or told | `forks::rfc3261_8_1_3_4_contacts_are_tried_in_the_order_of_q`, `forks::rfc3261_8_1_3_4_redirections_end`, `forks::rfc3261_8_1_3_4_the_application_is_told_by_default` |
//! | RFC 3261 §13 | INVITE, 2xx until the ACK | `s13_invite::rfc3261_13_3_1_4_our_2xx_is_sent_until_the_ack_and_then_no_more`, `s13_invite::rfc3261_13_2_2_4_another_branch_that_answers_is_acknowledged_and_ended` |
//! | RFC 3261 §13.2.2 | forks: early dialogs each for itself, several 2xx | `forks::rfc3261_13_2_2_early_dialogs_are_a_set_with_numbers_of_their_own`, `forks::rfc3261_13_2_2_4_another_branch_that_accepts_may_be_a_call_of_its_own`, `forks::rfc3261_12_1_how_many_early_dialogs_there_are_is_bounded` |
//! | RFC 3261 §14 | re-INVITE and glare | `s13_invite::rfc3261_14_1_a_reinvite_and_its_answer`, `s13_invite::rfc3261_14_1_glare_is_tried_again_after_a_while` |
//! | RFC 3261 §15 | BYE, also when two cross | `s13_invite::rfc3261_15_1_2_a_bye_is_answered_and_ends_the_call`, `s13_invite::rfc3261_15_byes_that_cross_are_both_answered` |
//! | RFC 3261 §17, RFC 6026 | the four transactions, as tables and on the wire | `client::rfc3261_figure_6`, `invite_client::rfc3261_figure_5_with_rfc6026`, `invite_server::rfc3261_figure_7_with_rfc6026`, `server::rfc3261_figure_8`, `s17_transactions::rfc3261_17_1_1_2_an_unanswered_invite_doubles_its_interval_and_gives_up`, `s17_transactions::rfc6026_7_1_an_invite_that_comes_again_after_the_2xx_is_absorbed` |
//! | RFC 3261 §18 | transports; TCP beyond 1300 bytes; framing | `s18_transport::rfc3261_18_1_1_a_large_request_goes_by_tcp`, `frame::rfc3261_18_3_messages_come_out_whole_at_every_split_point` |
//! | RFC 3261 §19.1.4, RFC 3966 §5 | comparison of URIs | `compare::rfc3261_19_1_4_equivalent_uris`, `compare::rfc3261_19_1_4_different_uris`, `compare::rfc3966_4_tel_uris` |
//! | RFC 3261 §22, RFC 7616 | digest as client and as server | `digest::rfc7616_3_9_1_md5_and_sha256`, `s8_requests::rfc3261_22_2_a_challenge_is_answered_once_with_the_next_number`, `verifier::counts_may_overtake_each_other_but_never_repeat` |
//! | RFC 3263 §4, RFC 2782 | servers by NAPTR, SRV and address; the next one when one fails | `tests::rfc3263_4_1_the_domain_says_which_transport_by_naptr`, `tests::rfc3263_4_2_a_named_transport_has_its_srv_or_the_host_itself`, `tests::rfc2782_priorities_are_kept_and_weights_are_chances`, `rfc3263::rfc3263_4_3_a_503_is_tried_elsewhere_with_a_new_branch`, `records::rfc3263_4_records_are_looked_up` |
//! | RFC 3581 §4 | responses to where requests came from | `via::rfc3581_4_received_and_rport_are_filled_in`, `s18_transport::rfc3261_18_2_1_and_rfc3581_4_the_response_goes_where_the_request_came_from` |
//! | RFC 3608 §6.1 | Service-Route | `s10_registration::rfc3608_6_1_requests_of_the_user_take_the_service_route` |
//! | RFC 6665 §4.1 | subscribing: refreshed in its dialog, forked, fetched, left; Timer N, and what each reason says of another try | `rfc6665::rfc6665_4_1_a_subscription_from_its_beginning_to_its_end`, `rfc6665::rfc6665_4_1_2_2_it_is_refreshed_in_its_dialog_before_it_expires`, `rfc6665::rfc6665_4_1_2_2_a_refusal_of_a_refresh_ends_it_only_if_it_says_so`, `rfc6665::rfc6665_4_1_2_4_timer_n_ends_what_is_never_notified_of`, `rfc6665::rfc6665_4_1_2_4_a_notify_may_come_before_the_2xx`, `rfc6665::rfc6665_4_1_3_what_a_last_notify_says_of_another_try`, `rfc6665::rfc6665_4_1_3_a_notify_without_a_subscription_is_481`, `rfc6665::rfc6665_4_4_1_a_forked_subscribe_makes_as_many_subscriptions_as_are_wanted` |
//! | RFC 6665 §4.2 | notifying: 489, 423, the NOTIFY that follows at once, timeout, refusal; nothing is left of a SUBSCRIBE for no time | `rfc6665::rfc6665_4_2_1_1_what_cannot_be_served_is_refused_at_once`, `rfc6665::rfc6665_4_2_1_2_the_2xx_makes_a_dialog_and_the_notify_follows`, `rfc6665::rfc6665_4_2_2_a_notify_that_is_refused_ends_the_subscription`, `rfc6665::rfc6665_4_2_2_who_is_not_refreshed_is_told_of_the_timeout`, `rfc6665::rfc6665_4_4_3_a_subscribe_for_no_time_leaves_nothing_behind` |
//! | RFC 6455 §4, §5 | WebSocket: handshake, frames, messages in parts, bounds | `handshake::rfc6455_4_2_1_what_is_no_handshake_is_refused_with_a_status`, `frame::rfc6455_5_7_the_examples`, `frame::rfc6455_5_what_may_not_come_is_refused` |
//! | RFC 3262 | reliable provisional responses, both sides: numbers, order, offers in them and in PRACK | `rfc3262::rfc3262_3_sent_again_over_and_over_until_the_prack`, `rfc3262::rfc3262_4_each_reliable_response_is_acknowledged_once_and_in_order`, `rfc3262::rfc3262_5_the_2xx_waits_for_the_prack_of_a_description`, `rfc3262::rfc3262_5_an_offer_in_a_prack_is_answered_in_its_2xx` |
//! | RFC 3264, RFC 6337 §2 | who may offer when: one table, and every pattern on the wire | `tests::rfc6337_2_the_six_patterns_from_either_side`, `tests::rfc6337_2_one_exchange_at_a_time`, `rfc6337::rfc6337_2_an_offer_in_the_2xx_is_answered_in_the_ack`, `rfc6337::rfc6337_2_a_reinvite_without_an_offer_asks_for_one` |
//! | RFC 3311 | UPDATE in early and confirmed dialogs, 491 and 500 | `rfc3311::rfc3311_5_1_an_update_in_an_early_dialog`, `rfc3311::rfc3311_5_2_an_offer_is_answered_and_the_target_moves`, `rfc3311::rfc3311_5_1_glare_is_tried_again_after_a_while` |
//! | RFC 3581 §4 | responses to where requests came from | `via::rfc3581_4_received_and_rport_are_filled_in`, `s18_transport::rfc3261_18_2_1_and_rfc3581_4_the_response_goes_where_the_request_came_from` |
//! | RFC 3608 §6.1 | Service-Route | `s10_registration::rfc3608_6_1_requests_of_the_user_take_the_service_route` |
//! | RFC 3891, RFC 3911 | Replaces and Join | `rfc3891::rfc3891_3_a_confirmed_call_is_replaced_and_ended_by_bye`, `rfc3891::rfc3891_3_an_early_call_of_ours_is_replaced_and_cancelled`, `rfc3891::rfc3911_4_a_join_names_the_call_and_ends_nothing` |
//! | RFC 3515 | REFER: what comes of it is told in its dialog, also in a call and beyond its end | `rfc3515::rfc3515_2_4_what_comes_of_a_refer_is_told`, `rfc3515::rfc3515_2_4_2_a_refer_that_refers_to_nobody_or_to_two_is_refused`, `rfc3515::rfc3515_2_4_4_the_notifies_of_a_refer_make_its_dialog`, `rfc3515::rfc3515_2_4_6_a_refer_in_a_call_is_told_of_in_its_dialog_and_beyond_its_end`, `rfc3515::rfc3515_2_4_6_who_is_referred_in_a_call_tells_it_there`, `refer::rfc3261_19_1_5_only_harmless_headers_of_the_uri_are_honoured` |
//! | RFC 4488, 4538, 5368, 3891 | REFER without a subscription, by leave of another dialog, with a list, and to take the place of a dialog | `rfc3515::rfc4488_4_without_a_subscription_nothing_is_told`, `rfc3515::rfc4538_a_refer_outside_a_dialog_names_the_one_that_allows_it`, `rfc3515::rfc5368_a_list_of_targets_arrives_whole`, `refer::rfc3891_a_target_that_takes_the_place_of_a_dialog` |
//! | RFC 3903 | PUBLISH: refreshed, changed, taken back, anew after 412; a server's entity-tags | `rfc3903::rfc3903_4_published_refreshed_changed_and_taken_back`, `rfc3903::rfc3903_4_3_what_the_server_has_forgotten_is_published_anew`, `rfc3903::rfc3903_4_a_short_interval_and_failures`, `rfc3903::rfc3903_6_a_server_keeps_what_an_endpoint_publishes`, `publication::rfc3903_6_from_the_first_publication_to_its_removal`, `publication::rfc3903_6_what_is_not_refreshed_is_forgotten` |
//! | RFC 6086, RFC 3261 §11 | INFO packages negotiated, others refused; OPTIONS | `rfc6086::rfc6086_5_2_3_packages_are_negotiated_and_others_refused_with_469`, `rfc6086::rfc3261_11_2_options_says_what_is_understood_in_and_out_of_a_call` |
//! | RFC 4028 | session timers | `s10_registration::rfc4028_7_the_caller_refreshes_at_half`, `s10_registration::rfc4028_6_an_interval_too_small_is_refused_and_ours_made_longer` |
//! | RFC 4475 | torture messages: valid ones taken, byte for byte; the others refused with their status | `rfc4475::rfc4475_valid_messages_are_taken_and_written_back_byte_for_byte`, `rfc4475::rfc4475_what_is_refused_has_its_status`, `rfc4475::rfc4475_a_strict_reader_refuses_everything_malformed_and_nothing_valid` |
//! | RFC 5118 | torture messages for IPv6 | `rfc5118::rfc5118_messages_are_taken_and_written_back_byte_for_byte` |
//! | RFC 5626 §4.4, §4.5 | flows are kept alive and made again | `s10_registration::rfc5626_4_4_1_the_flow_is_kept_alive_and_given_up_without_a_pong`, `s10_registration::rfc5626_4_5_a_registration_is_made_again_when_its_flow_breaks` |
//! | RFC 6228 | 199: an early dialog is over | `rfc6228::rfc6228_4_the_early_dialog_is_forgotten_and_the_others_go_on` |
//! | RFC 5922 §7 | a certificate names the domain | `tls::rfc5922_7_a_certificate_has_to_name_the_domain_in_full` |
//! | RFC 5922 §4, RFC 5923 | a connection belongs to the name that was proved on it | `rfc5922::rfc5922_4_two_domains_at_one_address_share_no_connection`, `rfc5922::rfc5923_a_connection_that_a_peer_has_opened_is_not_taken_for_a_domain` |
//! | RFC 7118 | SIP over WebSocket, as client and as server, in the clear and under TLS | `rfc7118::rfc7118_5_requests_and_responses_pass_a_websocket_both_ways`, `rfc7118::rfc7118_6_a_ping_is_answered_and_a_goodbye_too`, `sockets::rfc7118_a_chat_with_signalling_over_a_secure_websocket` |
//!
//! # Session descriptions and MSRP
//!
//! | section | what | proved by |
//! |---|---|---|
//! | RFC 4566, RFC 3264 | read, kept and written line by line; an answer has every section of its offer | `rfc4566::cpm_the_offer_of_a_chat_in_both_directions`, `rfc4566::cpm_the_answer_of_a_chat_connects`, `msrp::rfc3264_6_an_answer_has_every_section_of_the_offer` |
//! | RFC 4145 §4.1, RFC 6135 | who opens the connection | `msrp::rfc4145_4_1_setup_is_answered` |
//! | RFC 6714 §4 | CEMA: the address of the description, and the session-id alone, where both sides say so | `terms::rfc6714_4_the_address_counts_where_both_sides_say_so`, `tests::rfc6714_matching_by_session_id_alone` |
//! | RFC 8122 §5, §7 | fingerprints: the strongest function decides; a certificate that was not described binds nothing | `fingerprint::rfc8122_5_1_the_strongest_function_decides`, `hostile::rfc8122_7_a_certificate_that_was_not_described_binds_nothing` |
//! | RFC 4975 §5.4 | sessions and connections; one connection for many, kept open | `tests::rfc4975_5_4_a_session_is_bound_to_one_connection`, `quirks::one_connection_with_a_binding_request_for_each_session`, `pair::a_quiet_connection_is_kept_open_and_a_dead_one_is_found` |
//! | RFC 4975 §5.1 | messages of any size, sent and received in pieces within their windows; resumed; stopped by 413 and `#` | `streams::a_transfer_of_any_size_holds_only_its_windows`, `streams::a_transfer_is_resumed_where_it_was_confirmed`, `streams::a_refused_piece_stops_its_message_on_both_sides`, `streams::messages_pass_a_transfer_in_the_same_session`, `streams::pieces_are_as_in_a_naive_model` |
//! | RFC 4975 §6 | URIs and their comparison | `rfc4975::rfc4975_6_1_uris_that_are_the_same` |
//! | RFC 4975 §7.1 | requests, cut anywhere; the 30 s timer; Failure-Report and Success-Report | `rfc4975::rfc4975_7_1_a_stream_may_be_cut_anywhere`, `pair::rfc4975_7_1_1_no_answer_within_30_seconds_is_a_408`, `pair::rfc4975_7_1_1_the_30_seconds_begin_when_the_last_byte_has_left`, `sender::rfc4975_7_1_an_id_whose_end_line_is_in_the_body_is_not_taken`, `quirks::what_looks_like_an_end_line_in_a_body_is_none`, `tests::rfc4975_7_1_1_failure_report_says_what_is_answered`, `tests::rfc4975_7_1_2_a_success_report_follows_the_response` |
//! | RFC 4975 §7.2, §7.3 | responses; the last chunk is answered when somebody takes the message | `tests::rfc4975_7_2_the_last_chunk_is_answered_when_somebody_takes_the_message`, `tests::rfc4975_7_3_requests_that_do_not_belong_are_refused` |
//! | RFC 4976 §5.1 | leave to use relays, alone or in a row: challenged, bounded, renewed | `s5_client::rfc4976_5_1_auth_is_challenged_and_answered`, `s5_client::rfc4976_5_1_relays_in_a_row_are_asked_each_through_those_before`, `s5_client::rfc4976_5_1_leave_is_renewed_before_it_expires` |
//! | RFC 4976 §6.1 | a relay challenges, and gives URIs that nobody guesses | `s6_relay::rfc4976_6_1_a_client_is_challenged_and_given_a_uri`, `s6_relay::rfc4976_6_1_an_answer_counts_once` |
//! | RFC 4976 §6.2 | who may send through a relay, and where to | `s6_relay::rfc4976_6_2_only_a_client_sends_out_and_only_to_a_client_others_send_in`, `s6_simulated::two_relays_that_name_each_other_pass_a_request_on_at_most_once` |
//! | RFC 4976 §6.3, §6.4 | chunks go on in pieces, answered hop by hop; what fails later is reported | `s6_relay::rfc4976_6_3_a_long_chunk_goes_on_in_pieces_before_it_has_ended`, `s6_relay::rfc4976_6_4_what_fails_further_on_comes_back_as_a_report`, `s6_simulated::rfc4976_3_client_relay_relay_client` |
//! | RFC 4975 §8.6 | accepted types | `tests::rfc4975_8_6_a_type_that_is_not_accepted_gets_415`, `msrp::rfc4975_8_6_what_is_accepted_where` |
//! | RFC 6714 | matching by session id | `tests::rfc6714_matching_by_session_id_alone` |
//! | fairness | long messages share a connection, a short one passes | `pair::long_messages_share_a_connection_evenly`, `pair::a_short_message_does_not_wait_behind_a_long_one_of_another_session` |
//!
//! # Content
//!
//! | section | what | proved by |
//! |---|---|---|
//! | RFC 3862 | CPIM: names, escapes, prefixes, parties, subjects by language | `rfc3862::rfc3862_2_3_escapes_are_resolved_and_written`, `rfc3862::rfc3862_3_4_a_prefix_means_what_was_declared_before_it`, `rfc3862::rfc3862_4_5_a_subject_is_found_by_its_language`, `rfc3862::cpm_a_pager_message_in_both_directions` |
//! | RFC 5438 | IMDN documents and headers | `imdn::every_kind_and_status_in_both_directions`, `rfc5438::rfc5438_6_headers_survive_the_hops`, `rfc5438::rfc5438_7_2_1_there_is_nothing_to_report_without_an_id` |
//! | RFC 4575 | conference-info: read leniently, a change only as the next version, a focus that tells what was missed | `rfc4575::rfc4575_5_a_full_document_tells_everything`, `rfc4575::rfc4575_4_6_a_change_counts_only_as_the_next_version`, `rfc4575::rfc4575_4_6_what_a_change_does_not_tell_stays`, `rfc4575::rfc4575_4_6_a_focus_tells_each_subscriber_what_it_has_missed`, `tests::changes_add_up_to_the_whole` |
//! | RFC 4235 | dialog-info, whole and in parts, and the state that they make | `dialog_info::rfc4235_4_1_everything_in_both_directions`, `dialog_info::what_is_written_is_read`, `dialog_info::rfc4235_4_3_documents_make_one_state` |
//! | RFC 3680, RFC 5628 | reg-info with GRUUs, and the state that its documents make | `reg_info::rfc3680_5_1_rfc5628_everything_in_both_directions`, `reg_info::what_is_written_is_read`, `reg_info::rfc3680_5_2_documents_make_one_state` |
//! | RFC 3863 | PIDF, as far as capabilities are told by it | `pidf::rfc3863_4_1_everything_in_both_directions`, `pidf::what_is_written_is_read` |
//! | RFC 4826, 5363–5366 | lists of recipients: roles, anonymity, history, as one part of a body | `lists::rfc5364_4_everything_in_both_directions`, `lists::rfc5364_recipients_see_whom_they_may`, `lists::rfc4826_lists_in_lists_and_what_is_not_known`, `lists::rfc5365_rfc5366_the_list_is_one_part_of_the_body` |
//! | RFC 3994 | isComposing documents and timers | `rfc3994::rfc3994_an_active_composer_tells_what_and_how_long`, `activity::rfc3994_3_3_active_expires_at_its_refresh_or_after_120_s` |
//! | RFC 2046 | multipart, bounded in parts and depth | `multipart::splits_what_peers_write`, `multipart::bombs_do_not_go_off` |
//! | XML | no entities, no DTD, bounded | `rfc5438::attack_entities_do_not_expand`, `tests::bombs_do_not_go_off`, `tests::the_same_as_another_reader` |
//!
//! # The crate itself
//!
//! | promise | what | proved by |
//! |---|---|---|
//! | Sans-IO | no clock, socket, thread, file or chance outside the driver and the engines | `layers::only_the_rim_touches_the_world` |
//! | tiers | a module names lower tiers only | `layers::a_module_names_lower_tiers_only` |
//! | no `unsafe` | forbidden by the manifest | `layers::nothing_is_unsafe` |
//! | bounds | a slow or hostile peer costs a bounded amount | `streams::a_slow_reader_costs_a_bounded_amount_and_delays_nobody`, `s18_transport::connections_and_what_waits_for_them_are_bounded`, `tests::reassembly_has_a_budget`, `s8_requests::over_the_limit_a_request_gets_503_and_leaves_nothing` |
//! | nothing hangs | any order of anything ends well | `any_order::any_order_of_anything_ends_well` |
//! | custody | what was accepted is delivered once and in order, whatever goes wrong: loss, doubling, cuts, crashes | `chaos::g2_nothing_is_lost_doubled_or_misordered_whatever_goes_wrong`, `restart::r108_a_server_that_dies_at_any_moment_loses_nothing_that_it_took` |
//! | determinism | the same seed gives the same bytes, chaos included | `chaos::g2_the_same_chaos_twice_is_the_same_run`, `loss::g2_the_same_seed_is_the_same_run` |
//! | fuzzing | each codec and whole nodes have a target, whose seeds are replayed with bytes cut and changed | `seeds::every_target_has_seeds_and_a_program`, `seeds::the_torture_messages_harm_nothing` |
//! | real sockets | the demo's conversation over UDP, TCP and TLS | `sockets::the_demo_loses_nothing_and_shows_nothing_twice`, `sockets::r68_a_chat_over_tls` |
//! | other implementations | SIPp and linphone, unmodified, against the example server (ignored by default, run by `.ci/run`) | `sipp::sipp_registers_by_digest`, `sipp::sipp_writes_to_our_client_and_gets_its_reports`, `sipp::sipp_opens_a_session_with_our_client`, `linphone::linphone_and_our_client_write_to_each_other`, `linphone::linphone_gets_what_it_missed` |
//! | captures | Wireshark finds every message and nothing to complain about | `trace::wireshark_finds_every_message_and_nothing_to_complain_about`, `tshark::tshark_has_nothing_to_say_against_the_demo` |
//! | traces | a page that needs no network, in which nothing of a peer is markup | `trace::the_ladder_is_one_page_that_needs_nothing_else`, `trace::what_a_peer_sends_is_text_and_nothing_else` |
