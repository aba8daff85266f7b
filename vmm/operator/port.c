#include "vmm/operator/port.h"

#include "lib/assert.h"
#include "lib/string.h"

#define CHUNK 16 /* bytes sent in one go: what a UART's FIFO holds */

void ctl_port_init(struct ctl_port *p, struct mon *mon, struct console *con, u8 *buf, u32 size, u64 stack)
{
	static const struct mon_rights all = MON_RIGHTS_ALL;

	assert(con->raw && con->getc && con->room);
	ctl_init(&p->ctl, mon, &all, buf, size, stack);
	p->ctl.slot = MON_SLOT_PORT;
	p->con = con;
	p->nr_in = 0;
}

bool ctl_port_receive(struct ctl_port *p)
{
	u32 before = p->nr_in;

	while (p->nr_in < sizeof(p->in)) {
		int c = p->con->getc(p->con);

		if (c < 0)
			break;
		p->in[p->nr_in++] = (u8)c;
	}
	return p->nr_in > before;
}

u32 ctl_port_run(struct ctl_port *p, u64 now_ns)
{
	u32 taken = (u32)ctl_input(&p->ctl, (const char *)p->in, p->nr_in);
	u8 buf[CHUNK];
	bool more;
	size_t n;

	memmove(p->in, p->in + taken, p->nr_in - taken);
	p->nr_in -= taken;
	more = ctl_poll(&p->ctl, now_ns) || p->nr_in;
	n = ctl_output(&p->ctl, buf, MIN(p->con->room(p->con), (u32)CHUNK));
	p->con->write(p->con, (char *)buf, n);
	if (more && ctl_can_go_on(&p->ctl))
		return 1;
	return more || obuf_used(&p->ctl.out) ? p->con->wait_ns : 0;
}
