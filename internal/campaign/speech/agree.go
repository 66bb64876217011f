package speech

import "rosey/bot/outbound"

// outcomes returns the mark that counts of each message, and its row. Nobody takes
// back that a message was sent; of other marks the last one counts.
func (e *Evidence) outcomes(v *Verdict, final map[int64]outbound.Message) (marks map[int64]*Mark, rows map[int64]*Row) {
	marks, rows = map[int64]*Mark{}, map[int64]*Row{}
	for i := range e.Marks {
		m := &e.Marks[i]
		if _, known := final[m.ID]; !known {
			v.wrong("the stream has a mark of id %d, which nobody queued, at seq=%d", m.ID, m.Seq)
		}
		if before := marks[m.ID]; before == nil || !before.Sent || m.Sent {
			marks[m.ID] = m
		}
	}
	for i := range e.Rows {
		r := &e.Rows[i]
		if marks[r.ID] == nil {
			v.wrong("the tables have id %d, of which the stream has no mark", r.ID)
		}
		rows[r.ID] = r
	}
	return marks, rows
}

// status is what the mark says became of the message.
func (m *Mark) status() string {
	switch {
	case m.Sent:
		return "sent"
	case m.State == "abandoned", m.State == "unknown":
		return m.State
	}
	return "failed"
}

// agree wants queue, stream and tables to say the same of a message.
func agree(v *Verdict, a Asked, m outbound.Message, mark *Mark, row *Row) {
	if m.State == outbound.Cancelled || !m.State.Final() {
		return // it has no outcome; an attempt may have one
	}
	switch {
	case mark == nil:
		v.wrong("message %d (id %d) is %s, and the stream has no mark of it", a.N, a.ID, m.State)
		return
	case mark.status() != string(m.State):
		v.wrong("message %d (id %d) is %s, and the stream's mark says %s", a.N, a.ID, m.State, mark.status())
	case !mark.Sent && mark.Reason != m.Reason:
		v.wrong("message %d (id %d) is %s (%s), and the stream's mark says %s", a.N, a.ID, m.State, m.Reason, mark.Reason)
	case mark.Message != a.Text || mark.Recipient != a.To:
		v.wrong("message %d (id %d) has another text or recipient in the stream's mark", a.N, a.ID)
	case mark.Sent && mark.SentMS != m.SentMS:
		v.wrong("message %d (id %d) was sent at %d, and the stream's mark says %d", a.N, a.ID, m.SentMS, mark.SentMS)
	}
	switch {
	case row == nil:
		v.wrong("message %d (id %d) is %s, and the tables do not have it", a.N, a.ID, m.State)
	case row.Status != mark.status() || row.Seq != mark.Seq:
		v.wrong("message %d (id %d) is %s since seq=%d, and the tables say %s since seq=%d", a.N, a.ID, mark.status(), mark.Seq, row.Status, row.Seq)
	case row.Reason != mark.Reason || row.Message != a.Text || row.Recipient != a.To || mark.Sent && row.SentMS != mark.SentMS:
		v.wrong("message %d (id %d) differs between the stream's mark and the tables", a.N, a.ID)
	}
}
