package model

import "strings"

// decision is a row of operator_decisions.
type decision struct {
	seq    int64
	kind   string
	timeMS int64
	values values
}

const operatorPrefix = "operator."

// decide keeps what an operator decided. It is about the stream as a whole, so
// it says nothing of any channel.
func (m *Model) decide(e *event) {
	kind := strings.TrimPrefix(e.kind, operatorPrefix)
	if _, known := payloads[e.kind]; known {
		m.decisions = append(m.decisions, decision{e.seq, kind, e.timeMS, e.values})
	}
}

func (m *Model) decisionRows(add func(...any)) {
	for _, d := range m.decisions {
		v := d.values
		if d.kind == "gap_accepted" {
			add(d.seq, d.kind, d.timeMS, v.integer("first_seq"), v.integer("last_seq"), v.integer("checkpoint_seq"), nil, nil, nil)
		} else {
			add(d.seq, d.kind, d.timeMS, nil, nil, v.integer("seq"), v.text("stream_id"), v.text("previous_id"), v.text("msg_id"))
		}
	}
}
