package model

import (
	"errors"
	"fmt"
	"strings"
)

// Config says what the tables depend on beside the stream.
type Config struct {
	// DefaultChannel stands in for publishers that name no channel. Default: "".
	DefaultChannel string
}

// Model holds what the tables should hold after the events added so far. It is
// not safe for concurrent use.
type Model struct {
	cfg Config

	lastSeq      int64
	lastStreamMS int64
	lastMsgID    *string // nil where the line did not say

	holes     [][2]int64
	letters   []letter
	producers map[string]*producer
	parts     map[string][]part
	watched   map[string]*observation
	chat      chat
	rooms     map[string]*room
	users     map[userKey]*user
	actions   []action
	marks     map[string]*highWater
	counts    []count
	statuses  map[string]*status
	plays     map[string][]*play
	lists     map[string]*playlist
	polls     map[string][]*poll
	outcomes  map[outcomeKey]outcome
	decisions []decision
	coverage  []*coverage
	standing  map[string]*coverage
}

// New returns a model of the tables before the first event.
func New(cfg Config) *Model {
	return &Model{
		cfg:       cfg,
		producers: map[string]*producer{},
		parts:     map[string][]part{},
		watched:   map[string]*observation{},
		chat:      chat{known: map[lineKey]*line{}},
		rooms:     map[string]*room{},
		users:     map[userKey]*user{},
		marks:     map[string]*highWater{},
		statuses:  map[string]*status{},
		plays:     map[string][]*play{},
		lists:     map[string]*playlist{},
		polls:     map[string][]*poll{},
		outcomes:  map[outcomeKey]outcome{},
		standing:  map[string]*coverage{},
	}
}

// ErrOrder is returned for a line that is not later in the stream than the one
// before it.
var ErrOrder = errors.New("not in the order of the stream")

// Add takes the next line of an export. An error says that the line is none, or
// out of order; an event that cannot be read is no error.
func (m *Model) Add(text []byte) error {
	msg, err := parseMessage(text)
	if err != nil {
		return fmt.Errorf("model: line after seq=%d: %w", m.lastSeq, err)
	}
	if msg.seq <= m.lastSeq {
		return fmt.Errorf("model: seq=%d after seq=%d: %w", msg.seq, m.lastSeq, ErrOrder)
	}
	// What is missing from the stream was erased, and is recorded as a hole.
	if msg.seq > m.lastSeq+1 {
		m.holes = append(m.holes, [2]int64{m.lastSeq + 1, msg.seq - 1})
	}
	m.lastSeq, m.lastStreamMS, m.lastMsgID = msg.seq, msg.streamMS, msg.msgID
	m.message(msg)
	return nil
}

// message applies one message of the stream.
func (m *Model) message(msg message) {
	e, bad := decode(msg)
	if e != nil {
		e.fill(msg, m.cfg.DefaultChannel)
		if !fits(e) {
			e, bad = nil, classDecode
		}
	}
	// An event appended a second time is counted as a duplicate and has no other
	// effect, whether it can be read or not.
	late, fresh := m.number(msg, e)
	if !fresh {
		return
	}
	if e != nil && e.kind == "bot.part" {
		e, bad = m.part(msg, e)
		if e == nil && bad == "" {
			return // more is to come
		}
	}
	if e != nil && !makesSense(e) {
		e, bad = nil, classFold
	}
	if e == nil {
		m.letters = append(m.letters, letter{msg, bad})
		return
	}
	e.late = late
	m.apply(e)
}

// apply gives an event that was read, and is new, to every table.
func (m *Model) apply(e *event) {
	if strings.HasPrefix(e.kind, operatorPrefix) {
		m.decide(e)
		return
	}
	w := m.observe(e)
	m.line(e)
	m.presence(e, w)
	m.channel(e, w)
	m.media(e, w)
	m.playlist(e, w)
	m.poll(e, w)
	m.outbound(e)
	m.cover(e)
}
