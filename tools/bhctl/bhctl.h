/* bhctl: speaks the hypervisor's control channel (docs/control.md) from Linux. */
#pragma once

#include <stdio.h>

#include "vmm/mon/json.h"

/* Exit statuses. */
enum { EXIT_OK, EXIT_REFUSED, EXIT_USAGE, EXIT_CHANNEL };

struct options {
	const char *device;
	bool json;       /* -o json */
	double timeout;  /* s, for an answer */
	double interval; /* s, of top */
	long count;      /* rounds of top, events; 0: no end */
	unsigned int baud;
};

struct chan {
	int fd;
	const char *name;      /* for messages */
	char *buf;             /* what was received and not used */
	size_t len, cap, line; /* line: length of the line given last, with its end */
	unsigned int next_id;
};

/* A line received, parsed. Valid until the next one. */
struct message {
	const char *line; /* NUL-terminated, without its end */
	struct json_doc doc;
};

/* Opens a serial device, a unix socket or "fd:N". Exits with a message when it cannot. */
void chan_open(struct chan *c, const struct options *o);
/* Sends all of it within the time. Exits with a message when it cannot. */
void chan_send(struct chan *c, const char *text, size_t len, double timeout);
/* Next line that is a JSON object. 1; 0: none within timeout seconds; -1: the other side closed. */
int chan_message(struct chan *c, struct message *m, double timeout);
/* Whether a whole line is here already. */
bool chan_has_line(const struct chan *c);

/* Sends a command with arguments by position, and returns its id. */
unsigned int request(struct chan *c, const struct options *o, const char *cmd, char *const *args, int nr);
/* Whether m answers request id. */
bool is_answer(const struct message *m, unsigned int id);
/* The result in an answer, or NULL after a message to standard error. */
const struct json_tok *result_of(const struct message *m);
/* request, and its answer; events in between are dropped. NULL after a message:
 * refused. Exits when there is no answer. */
const struct json_tok *ask(struct chan *c, const struct options *o, struct message *m, const char *cmd,
                           char *const *args, int nr);
/* The same without a message when it is refused. */
const struct json_tok *ask_quietly(struct chan *c, const struct options *o, struct message *m, const char *cmd,
                                   char *const *args, int nr);

/* A growing text. */
struct text {
	char *s;
	size_t len, cap;
};
void text_add(struct text *t, const char *s, size_t n);
void text_printf(struct text *t, const char *fmt, ...) __printf(2, 3);
/* A JSON string. false: s is not UTF-8, or has a NUL. */
bool text_json(struct text *t, const char *s, size_t n);
/* A token as text; control characters are shown escaped when safe. Returns malloc'ed text. */
char *token_text(const struct json_doc *doc, const struct json_tok *tok, bool safe);

/* A result as tables, or as the JSON it is. */
void render(const struct json_doc *doc, const struct json_tok *result, bool json);

void __noreturn die(int status, const char *fmt, ...) __printf(2, 3);
double now_seconds(void);

/* The commands that are more than a request and its answer. They return the exit status. */
int run_top(struct chan *c, const struct options *o);
int run_events(struct chan *c, const struct options *o);
int run_console(struct chan *c, const struct options *o, char **args, int nr);
/* args: the guest; for the screenshot, a file, too. */
int run_screen(struct chan *c, const struct options *o, char **args);
int run_screenshot(struct chan *c, const struct options *o, char **args);
int run_metrics(struct chan *c, const struct options *o);
