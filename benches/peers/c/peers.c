/* One parse of one message by each of the two C stacks; what they answer is 0 where all went well. */
#include <stddef.h>
#include <stdio.h>

/* What decides who is meant, by whom, and where a message ends: `call-id|from|to|cseq|body length`. */
#define FACTS "%s|%s@%s|%s@%s|%s|%zu"
#define TEXT(text) ((text) ? (text) : "")

#ifdef WITH_OSIP
#include <sys/time.h>
#include <osipparser2/osip_parser.h>

int peers_osip_init(void) { return parser_init(); }

int peers_osip(const char *bytes, size_t length, int match) {
  osip_message_t *message;
  int failed = 0;
  if (osip_message_init(&message) != 0) return 1;
  if (osip_message_parse(message, bytes, length) != 0) failed = 1;
  if (!failed && match) {
    osip_via_t *via = NULL;
    osip_generic_param_t *branch = NULL;
    osip_message_get_via(message, 0, &via);
    if (via == NULL) failed = 1;
    else osip_via_param_get_byname(via, "branch", &branch);
    if (branch == NULL || message->call_id == NULL || message->cseq == NULL) failed = 1;
  }
  osip_message_free(message);
  return failed;
}

int peers_osip_facts(const char *bytes, size_t length, char *out, size_t room) {
  osip_message_t *message;
  osip_body_t *body = NULL;
  int failed = 1;
  if (osip_message_init(&message) != 0) return 1;
  if (osip_message_parse(message, bytes, length) == 0 && message->call_id && message->from && message->from->url &&
      message->to && message->to->url && message->cseq) {
    char call_id[512];
    osip_message_get_body(message, 0, &body);
    snprintf(call_id, sizeof call_id, message->call_id->host ? "%s@%s" : "%s%s", TEXT(message->call_id->number),
             TEXT(message->call_id->host));
    snprintf(out, room, FACTS, call_id, TEXT(message->from->url->username), TEXT(message->from->url->host),
             TEXT(message->to->url->username), TEXT(message->to->url->host), TEXT(message->cseq->number),
             body ? body->length : (size_t)0);
    failed = 0;
  }
  osip_message_free(message);
  return failed;
}
#endif

#ifdef WITH_SOFIA
#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>

int peers_sofia(const char *bytes, size_t length, int match) {
  msg_t *message = msg_make(sip_default_mclass(), 0, bytes, (ssize_t)length);
  int failed = 0;
  sip_t *sip;
  if (message == NULL) return 1;
  sip = sip_object(message);
  if (sip == NULL || sip->sip_error) failed = 1;
  if (!failed && match &&
      (sip->sip_via == NULL || sip->sip_via->v_branch == NULL || sip->sip_call_id == NULL ||
       sip->sip_cseq == NULL))
    failed = 1;
  msg_destroy(message);
  return failed;
}

int peers_sofia_facts(const char *bytes, size_t length, char *out, size_t room) {
  msg_t *message = msg_make(sip_default_mclass(), 0, bytes, (ssize_t)length);
  int failed = 1;
  sip_t *sip;
  if (message == NULL) return 1;
  sip = sip_object(message);
  if (sip && !sip->sip_error && sip->sip_call_id && sip->sip_from && sip->sip_to && sip->sip_cseq) {
    char sequence[16];
    snprintf(sequence, sizeof sequence, "%lu", (unsigned long)sip->sip_cseq->cs_seq);
    snprintf(out, room, FACTS, sip->sip_call_id->i_id, TEXT(sip->sip_from->a_url->url_user),
             TEXT(sip->sip_from->a_url->url_host), TEXT(sip->sip_to->a_url->url_user),
             TEXT(sip->sip_to->a_url->url_host), sequence, sip->sip_payload ? (size_t)sip->sip_payload->pl_len : 0);
    failed = 0;
  }
  msg_destroy(message);
  return failed;
}
#endif
