package campaign

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"rosey/events"
)

// history reads the whole stream and holds it against the ledger of the talk.
type history struct {
	talk   *talk
	spoken map[spokenLine]bool // lines of the bot's own
	events int
	seq    uint64

	copies    []int               // of each line
	live      []bool              // whether a line is there as it was said, not as history
	own       map[spokenLine]bool // the same of the bot's
	producers map[string]*producer
	order     []string // of the producers' first events
	found     findings
}

// producer is what the stream holds of one run of the bot.
type producer struct {
	last        uint64
	previous    string
	previousSeq uint64
}

// exported is what a line of `rosey export events` says, as far as the ledger
// knows it. The rest is for the model.
type exported struct {
	Seq     uint64 `json:"seq"`
	Subject string `json:"subject"`
	Data    struct {
		ID          string `json:"id"`
		TimeMS      int64  `json:"time_ms"`
		Username    string `json:"username"`
		Message     string `json:"message"`
		History     bool   `json:"history"`
		Notice      string `json:"notice"`
		Previous    string `json:"previous"`
		PreviousSeq uint64 `json:"previous_seq"`
	} `json:"data"`
}

func newHistory(t *talk, spoken map[spokenLine]bool) *history {
	n := t.said() + 1
	return &history{
		talk: t, spoken: spoken, copies: make([]int, n), live: make([]bool, n), own: map[spokenLine]bool{}, producers: map[string]*producer{},
	}
}

// add takes one exported event.
func (h *history) add(line []byte) error {
	var e exported
	if err := json.Unmarshal(line, &e); err != nil {
		return fmt.Errorf("read exported event %d: %w", h.events+1, err)
	}
	h.events++
	if e.Seq != h.seq+1 {
		h.found.lost = append(h.found.lost, fmt.Sprintf("the stream goes from seq=%d to seq=%d", h.seq, e.Seq))
	}
	h.seq = e.Seq
	kind, _, _ := events.ParseSubject(e.Subject)
	h.number(kind, &e)
	if kind == events.KindMessageLog && e.Data.Notice == "" {
		h.chat(&e)
	}
	return nil
}

// number follows the numbering of the event's producer.
func (h *history) number(kind events.Kind, e *exported) {
	name, seq, ok := events.ParseID(e.Data.ID)
	if !ok {
		h.found.differences = append(h.found.differences, fmt.Sprintf("seq=%d has the id %q", e.Seq, e.Data.ID))
		return
	}
	p := h.producers[name]
	if p == nil {
		p = &producer{}
		h.producers[name] = p
		h.order = append(h.order, name)
	}
	switch {
	case seq <= p.last:
		h.found.duplicated = append(h.found.duplicated, fmt.Sprintf("seq=%d is event %s again", e.Seq, e.Data.ID))
	case seq > p.last+1:
		h.found.lost = append(h.found.lost, fmt.Sprintf("producer %s goes from %d to %d at seq=%d", name, p.last, seq, e.Seq))
	}
	p.last = max(p.last, seq)
	if kind == events.KindBotStarted {
		p.previous, p.previousSeq = e.Data.Previous, e.Data.PreviousSeq
	}
}

// chat looks the line up in the ledger. It may be there several times, once as
// it was said and else as history: CyTube says nothing twice.
func (h *history) chat(e *exported) {
	d := &e.Data
	if d.Username == botName {
		h.ownLine(e)
		return
	}
	n, ok := numberOf(d.Message)
	if !ok || n >= len(h.copies) || d.Message != text(n) || d.Username != speaker(n) || d.TimeMS != h.talk.time(n) {
		h.found.differences = append(h.found.differences, fmt.Sprintf("seq=%d is a line that nobody said", e.Seq))
		return
	}
	h.copies[n]++
	if d.History {
		return
	}
	if h.live[n] {
		h.found.duplicated = append(h.found.duplicated, fmt.Sprintf("line %d is there again as it was said, seq=%d", n, e.Seq))
	}
	h.live[n] = true
}

// ownLine looks a line of the bot's up in what the channel showed.
func (h *history) ownLine(e *exported) {
	line := spokenLine{e.Data.TimeMS, e.Data.Message}
	switch {
	case !h.spoken[line]:
		h.found.differences = append(h.found.differences, fmt.Sprintf("seq=%d is a line that the bot did not say", e.Seq))
	case h.own[line] && !e.Data.History:
		h.found.duplicated = append(h.found.duplicated, fmt.Sprintf("a line of the bot's is there again as it was said, seq=%d", e.Seq))
	}
	h.own[line] = h.own[line] || !e.Data.History
}

// finish returns what was found in all.
func (h *history) finish() findings {
	for line := range h.spoken {
		if _, there := h.own[line]; !there {
			h.found.lost = append(h.found.lost, fmt.Sprintf("the bot's line of %d is not in the stream", line.timeMS))
		}
	}
	for n := 1; n < len(h.copies); n++ {
		if h.copies[n] == 0 {
			h.found.lost = append(h.found.lost, fmt.Sprintf("line %d is not in the stream", n))
		}
	}
	// Every run but the last has another that says where it ended.
	vouched := map[string]uint64{}
	for _, p := range h.producers {
		vouched[p.previous] = p.previousSeq
	}
	for _, name := range slices.Sorted(maps.Keys(h.producers)) {
		p := h.producers[name]
		if by, ok := vouched[name]; (!ok || by != p.last) && name != h.order[len(h.order)-1] {
			h.found.lost = append(h.found.lost, fmt.Sprintf("producer %s ends with %d, the next run says %d (%t)", name, p.last, by, ok))
		}
	}
	return h.found
}
