/* A guest's ready-text in its output: the search of Knuth, Morris and Pratt. */
#include "lib/string.h"
#include "vmm/life/life.h"

void life_match_init(struct life_match *m, const char *text)
{
	size_t len = text ? strnlen(text, CONFIG_READY_MAX + 1u) : 0;
	u8 k = 0;

	*m = (struct life_match){ .text = len && len <= CONFIG_READY_MAX ? text : NULL };
	for (size_t i = 1; m->text && i < len; i++) {
		while (k && text[i] != text[k])
			k = m->back[k - 1];
		k += text[i] == text[k];
		m->back[i] = k;
	}
}

bool life_match_feed(struct life_match *m, const u8 *buf, size_t len)
{
	bool found = false;

	for (size_t i = 0; m->text && i < len; i++) {
		while (m->at && (u8)m->text[m->at] != buf[i])
			m->at = m->back[m->at - 1];
		m->at += (u8)m->text[m->at] == buf[i];
		if (m->text[m->at])
			continue;
		found = true;
		m->at = m->back[m->at - 1];
	}
	return found;
}
