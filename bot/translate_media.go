package bot

import (
	"time"

	"rosey/events"
)

// playing is the item that plays now.
type playing struct {
	kind     string
	id       string
	title    string
	duration string
	seconds  float64
	uid      *int64
}

// ending is a playing item that was removed: it has ended unless another begins.
type ending struct {
	item   playing
	at     time.Time
	reason string
}

// Why nothing plays any more.
const (
	endRemoved = "removed"
	endCleared = "playlist_cleared"
)

// endGrace is how long the server may take to begin the next item.
const endGrace = 2 * time.Second

type wireMedia struct {
	ID          *string  `json:"id"`
	Title       string   `json:"title"`
	Seconds     float64  `json:"seconds"`
	Duration    string   `json:"duration"`
	Type        *string  `json:"type"`
	CurrentTime *float64 `json:"currentTime"`
	Paused      bool     `json:"paused"`
}

func readChangeMedia(t *Translator, f *frame) (events.Payload, error) {
	w, err := argument[wireMedia](f)
	if err != nil || w.ID == nil || w.Type == nil || w.CurrentTime == nil {
		return nil, errShape
	}
	s := &t.session
	s.playing = &playing{kind: *w.Type, id: *w.ID, title: w.Title, duration: w.Duration, seconds: w.Seconds, uid: f.uid}
	s.ending = nil
	media := &events.MediaChanged{
		Type: *w.Type, MediaID: *w.ID, Title: w.Title, Seconds: w.Seconds, Duration: w.Duration,
		CurrentTime: *w.CurrentTime, Paused: w.Paused, UID: f.uid,
		// What plays as the bot comes in began earlier.
		Resumed: s.burst,
	}
	if item := s.item(f.uid); item != nil && item.MediaID == *w.ID {
		media.QueuedBy = item.QueuedBy
	}
	return media, nil
}

func readMediaUpdate(_ *Translator, f *frame) (events.Payload, error) {
	w, err := argument[wireMedia](f)
	if err != nil || w.CurrentTime == nil {
		return nil, errShape
	}
	return &events.MediaUpdated{CurrentTime: *w.CurrentTime, Paused: w.Paused}, nil
}

// mayEnd notes that what plays was removed. Whether it ended shows later.
func (s *session) mayEnd(at time.Time, reason string) {
	if s.playing != nil {
		s.ending = &ending{item: *s.playing, at: at, reason: reason}
	}
}

// endAfter appends media.ended once a frame makes it certain. The frames that
// stand between a removal and the next beginning decide nothing, save that a
// playlist without items leaves nothing to begin.
func (t *Translator) endAfter(out []*events.Event, f *frame) []*events.Event {
	s := &t.session
	if s.ending == nil {
		return out
	}
	switch f.event {
	case "delete", "playlist", "setCurrent":
		return out
	}
	if s.itemCount != nil && *s.itemCount == 0 {
		return t.end(out, f.at)
	}
	return t.endDue(out, f.at)
}

// endDue appends media.ended when the next item has had the time to begin.
func (t *Translator) endDue(out []*events.Event, now time.Time) []*events.Event {
	if e := t.session.ending; e == nil || now.Sub(e.at) < endGrace {
		return out
	}
	return t.end(out, now)
}

// end settles a removal, at the moment of the removal.
func (t *Translator) end(out []*events.Event, now time.Time) []*events.Event {
	s := &t.session
	e := s.ending
	if e == nil {
		return out
	}
	s.ending = nil
	if e.reason == endCleared && s.itemCount != nil && *s.itemCount > 0 {
		// The list did not become empty: the bot may no longer see it.
		return out
	}
	s.playing = nil
	ev := t.event(events.KindMediaEnded, &events.MediaEnded{Type: e.item.kind, MediaID: e.item.id, Reason: e.reason}, now)
	ev.TimeMS = e.at.UnixMilli()
	return append(out, ev)
}
