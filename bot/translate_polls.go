package bot

import (
	"bytes"
	"encoding/json"

	"rosey/bot/cytube"
	"rosey/events"
)

// readPoll reads a poll. Its texts are HTML like chat; its counts stay as they
// are, since those of a hidden poll are texts such as "3?".
func readPoll(t *Translator, f *frame) (*events.Poll, error) {
	w, err := argument[struct {
		Title     *string         `json:"title"`
		Options   *[]string       `json:"options"`
		Counts    json.RawMessage `json:"counts"`
		Initiator *string         `json:"initiator"`
		Timestamp *float64        `json:"timestamp"`
	}](f)
	if err != nil || w.Title == nil || w.Options == nil || w.Initiator == nil || w.Timestamp == nil {
		return nil, errShape
	}
	if !bytes.HasPrefix(w.Counts, []byte("[")) || *w.Timestamp > maxTimeMS || *w.Timestamp < -maxTimeMS {
		return nil, errShape
	}
	p := &events.Poll{
		Title: cytube.PlainText(*w.Title), Options: make([]string, len(*w.Options)), Counts: w.Counts,
		Initiator: *w.Initiator, OpenedMS: int64(*w.Timestamp),
	}
	for i, o := range *w.Options {
		p.Options[i] = cytube.PlainText(o)
	}
	t.session.poll = &events.PollClosed{Initiator: p.Initiator, OpenedMS: p.OpenedMS}
	return p, nil
}

func readNewPoll(t *Translator, f *frame) (events.Payload, error) {
	p, err := readPoll(t, f)
	if err != nil {
		return nil, err
	}
	p.Resumed = t.session.burst
	return p, nil
}

func readUpdatePoll(t *Translator, f *frame) (events.Payload, error) {
	p, err := readPoll(t, f)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// readClosePoll names the poll that was open: the event itself does not.
func readClosePoll(t *Translator, _ *frame) (events.Payload, error) {
	closed := t.session.poll
	t.session.poll = nil
	if closed == nil {
		closed = new(events.PollClosed)
	}
	return closed, nil
}
