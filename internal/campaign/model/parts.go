package model

// part is one of the numbered parts of an event that was too large for a message.
type part struct {
	seq           int64
	number, parts int64
	kind          string
	data          string
}

// part keeps a part, and returns the whole event with the last one. The parts of
// an event come in order; one that does not follow belongs to nothing.
func (m *Model) part(msg message, e *event) (*event, string) {
	of := e.text("of")
	p := part{seq: e.seq, number: e.integer("part"), parts: e.integer("parts"), kind: e.text("kind"), data: e.text("data")}
	have := m.parts[of]
	if of == "" || p.number != int64(len(have)+1) || p.number > p.parts {
		return nil, classParts
	}
	have = append(have, p)
	m.parts[of] = have
	if p.number < p.parts {
		return nil, ""
	}
	delete(m.parts, of)
	var data string
	for _, h := range have {
		if h.kind != p.kind || h.parts != p.parts {
			return nil, classParts
		}
		data += h.data
	}
	whole, err := decodeBody(p.kind, []byte(data))
	if err != nil {
		return nil, classParts
	}
	whole.id = of
	if whole.channelName == "" {
		_, whole.channelName, _ = parseSubject(msg.subject)
	}
	whole.fill(msg, m.cfg.DefaultChannel)
	if !fits(whole) {
		return nil, classParts
	}
	return whole, ""
}
