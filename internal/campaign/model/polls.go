package model

import (
	"bytes"
	"encoding/json"
)

// poll is a row of polls.
type poll struct {
	channel   string
	openedMS  int64
	initiator string
	title     string
	options   string
	counts    string
	closedMS  int64
	closedBy  string // "" while open
	firstSeq  int64
	lastSeq   int64
}

// poll follows polls. They have a key of their own, so any recorder may tell of
// them; that one closed unseen is told by the leader alone.
func (m *Model) poll(e *event, w watch) {
	list := m.polls[e.channelName]
	switch e.kind {
	case "poll.opened", "poll.updated":
		m.tellPoll(e)
	case "poll.closed":
		// Who did not see it open cannot name it: it is the one that is open.
		p := m.findPoll(e)
		for _, open := range list {
			if p == nil && e.integer("opened_ms") == 0 && open.closedBy == "" {
				p = open
			}
		}
		if p != nil && p.closedBy == "" {
			p.close(e.seq, e.at, "closed")
		}
	case "user.roster":
		// A poll that is open is told before the roster.
		for _, p := range list {
			if w.leading && w.resumed && p.closedBy == "" && p.lastSeq < w.connectedSeq {
				p.close(e.seq, w.gapFromMS, "unobserved")
			}
		}
	}
}

func (p *poll) close(seq, at int64, by string) {
	p.closedMS, p.closedBy, p.lastSeq = at, by, seq
}

// findPoll finds a poll by what names it.
func (m *Model) findPoll(e *event) *poll {
	for _, p := range m.polls[e.channelName] {
		if p.openedMS == e.integer("opened_ms") && lower(p.initiator) == lower(e.text("initiator")) {
			return p
		}
	}
	return nil
}

func (m *Model) tellPoll(e *event) {
	opened, initiator := e.integer("opened_ms"), e.text("initiator")
	p := m.findPoll(e)
	if p != nil && p.closedBy != "" {
		return // it stays as it closed, whatever another recorder tells later
	}
	fresh := p == nil
	if fresh {
		p = &poll{channel: e.channelName, openedMS: opened, initiator: initiator, firstSeq: e.seq}
	}
	p.title, p.options, p.counts, p.lastSeq = e.text("title"), jsonTexts(e.values["options"]), compact(e.raw("counts")), e.seq
	if fresh {
		m.follow(e, p)
	}
}

// follow puts a poll not told of before in its place. A channel has one poll at
// a time: the next one closes it, even where that one was told of first.
func (m *Model) follow(e *event, p *poll) {
	for _, other := range m.polls[e.channelName] {
		switch {
		case other.openedMS > p.openedMS:
			if p.closedBy == "" || other.openedMS < p.closedMS {
				p.close(e.seq, other.openedMS, "replaced")
			}
		case other.closedBy == "":
			other.close(e.seq, p.openedMS, "replaced")
		}
	}
	m.polls[e.channelName] = append(m.polls[e.channelName], p)
}

// jsonTexts is a list of texts in the one spelling that is compared.
func jsonTexts(v any) string {
	list, _ := v.([]string)
	if list == nil {
		list = []string{}
	}
	data, err := json.Marshal(list)
	if err != nil {
		return ""
	}
	return string(data)
}

func compact(data json.RawMessage) string {
	var b bytes.Buffer
	if len(data) == 0 || json.Compact(&b, data) != nil {
		return "[]"
	}
	return b.String()
}
