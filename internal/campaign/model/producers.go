package model

import (
	"fmt"
	"sort"
	"strings"
)

// producer is what is known of one numbering.
type producer struct {
	name, channel      string
	first              int64 // the least number seen
	have               map[int64]bool
	last               int64
	events, duplicates int64
	firstMS, lastMS    int64
	previous           string
	previousSeq        int64
}

// number counts a message in its producer's numbering. It reports whether the
// producer had gone on before, and whether the event is new: a number that came
// before is a second copy. What nobody numbered is always new.
func (m *Model) number(msg message, e *event) (late, fresh bool) {
	// Of an event that cannot be read there is its number, and when it was stored.
	at, channel, id := msg.streamMS, "", ""
	if e == nil {
		id = msg.id()
	} else {
		id, at, channel = e.id, e.at, e.channelName
	}
	name, n, ok := parseID(id)
	if !ok {
		return true, true // in no order that could be told
	}
	p := m.producers[name]
	if p == nil {
		p = &producer{name: name, first: n, have: map[int64]bool{}, firstMS: at, lastMS: at}
		m.producers[name] = p
	}
	if p.have[n] {
		p.duplicates++
		return false, false
	}
	p.have[n] = true
	if p.channel == "" {
		p.channel = channel
	}
	p.events++
	late, p.first, p.last = n < p.last, min(p.first, n), max(p.last, n)
	// The earliest and the latest moment: a clock may step back between them.
	p.firstMS, p.lastMS = min(p.firstMS, at), max(p.lastMS, at)
	if e != nil && e.kind == "bot.started" {
		p.previous, p.previousSeq = e.text("previous"), e.integer("previous_seq")
	}
	return late, true
}

// gaps lists what is missing between 1 and the last number.
func (p *producer) gaps() string {
	numbers := make([]int64, 0, len(p.have))
	for n := range p.have {
		numbers = append(numbers, n)
	}
	sort.Slice(numbers, func(i, j int) bool { return numbers[i] < numbers[j] })
	var list []string
	next := int64(1)
	for _, n := range numbers {
		if n > next {
			list = append(list, fmt.Sprintf("[%d,%d]", next, n-1))
		}
		next = n + 1
	}
	return "[" + strings.Join(list, ",") + "]"
}
