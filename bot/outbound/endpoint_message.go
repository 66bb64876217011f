package outbound

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"

	"rosey/streams/service"
)

// View is a message as the service tells of it. Times are Unix milliseconds.
type View struct {
	ID            int64  `json:"id"`
	Channel       string `json:"channel"`
	State         State  `json:"state"`
	Reason        string `json:"reason,omitempty" doc:"Why it is not sent, or not yet."`
	Message       string `json:"message"`
	Recipient     string `json:"recipient,omitempty" doc:"The user a private message is for."`
	Long          string `json:"long,omitempty" doc:"What is done with a text that is too long for a line, where that is not to split it."`
	Key           string `json:"key,omitempty"`
	QueuedMS      int64  `json:"queued_ms"`
	NotBeforeMS   int64  `json:"not_before_ms,omitempty"`
	NextAttemptMS int64  `json:"next_attempt_ms,omitempty"`
	SentMS        int64  `json:"sent_ms,omitempty" doc:"When the channel showed it, by its own clock."`
	FinishedMS    int64  `json:"finished_ms,omitempty"`
	Attempts      int    `json:"attempts"`
	Holder        string `json:"holder,omitempty" doc:"Who sends it, or last did."`
	Parts         int    `json:"parts,omitempty"`
	PartsSent     int    `json:"parts_sent,omitempty"`
	Position      uint64 `json:"position" doc:"Its place in the order of queueing, over all channels."`
}

// View is the message as the service tells of it.
func (m Message) View() View {
	return View{
		ID: m.ID, Channel: m.Channel, State: m.State, Reason: m.Reason, Message: m.Text, Recipient: m.Recipient, Long: m.Long, Key: m.Key,
		QueuedMS: m.QueuedMS, NotBeforeMS: m.NotBeforeMS, NextAttemptMS: m.NextAttemptMS, SentMS: m.SentMS, FinishedMS: m.FinishedMS,
		Attempts: m.Attempts, Holder: m.Holder, Parts: m.Parts, PartsSent: m.PartsSent, Position: m.Position,
	}
}

// Moment is a time as callers give it: Unix seconds, or a text as in RFC 3339.
type Moment struct{ time.Time }

var errMoment = errors.New("a time is a number of Unix seconds, or a text such as 2030-01-01T20:00:00Z")

// maxSeconds is the year 9999, the last that RFC 3339 can write.
const maxSeconds = 253402300799

// UnmarshalJSON reads either form.
func (t *Moment) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(data, []byte(`"`)) {
		var text string
		if err := json.Unmarshal(data, &text); err != nil {
			return errMoment
		}
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return errMoment
		}
		t.Time = at
		return nil
	}
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil || seconds < 0 || seconds > maxSeconds {
		return errMoment
	}
	t.Time = time.UnixMilli(int64(math.Round(seconds * 1000)))
	return nil
}

// MarshalJSON writes the text.
func (t Moment) MarshalJSON() ([]byte, error) { return json.Marshal(t.UTC().Format(time.RFC3339Nano)) }

// JSONSchema describes both forms.
func (Moment) JSONSchema() *service.Schema {
	return service.NumberOrText("Unix seconds, or a time as in RFC 3339.")
}

// EnqueueRequest asks for a message to be sent.
type EnqueueRequest struct {
	Message   string  `json:"message" rule:"required,minlen=1" doc:"What to say: 1 to 16384 bytes of UTF-8."`
	Channel   string  `json:"channel,omitempty" rule:"maxlen=30" doc:"Where. Default: the only channel there is."`
	Recipient string  `json:"recipient,omitempty" rule:"maxlen=20" doc:"The user to whom alone it is said."`
	NotBefore *Moment `json:"not_before,omitempty" doc:"When it may be said. Default: now."`
	Key       string  `json:"key,omitempty" doc:"The caller's own name for the request, at most 200 bytes: a second one with it queues nothing."`
	Long      string  `json:"long,omitempty" rule:"enum=split|refuse,default=split" doc:"What to do with a text that is too long for a line."`
	Wait      float64 `json:"wait,omitempty" rule:"min=0,max=60,default=0" doc:"Seconds to wait for the outcome."`
}

// EnqueueReply is the message that was queued, or that was with the same key.
type EnqueueReply struct {
	View
	Existed bool   `json:"existed" doc:"The key was used before; nothing was queued."`
	Bot     string `json:"bot" doc:"Whether a bot is in the channel now: present, anonymous (it has no name and cannot speak), coming (it is alive, and not in the channel yet), absent or unknown."`
}

func (s *Service) serveEnqueue(ctx context.Context, r EnqueueRequest) (EnqueueReply, error) {
	work, cancel := context.WithTimeout(ctx, s.cfg.WorkLimit)
	defer cancel()
	q, err := s.openQueue(work)
	if err != nil {
		return EnqueueReply{}, refuse(err)
	}
	channel := r.Channel
	if channel == "" {
		if channel, err = s.onlyChannel(work); err != nil {
			return EnqueueReply{}, refuse(err)
		}
	}
	ask := Request{Channel: channel, Text: r.Message, Recipient: r.Recipient, Long: r.Long, Key: r.Key}
	if r.NotBefore != nil {
		ask.NotBefore = r.NotBefore.Time
	}
	m, existed, err := q.Enqueue(work, ask)
	if err != nil {
		return EnqueueReply{}, refuse(err)
	}
	reply := EnqueueReply{Existed: existed, Bot: s.bot(work, m.Channel)}
	m, done, err := s.wait(ctx, q, m, r.Wait)
	switch {
	case err != nil:
		return EnqueueReply{}, refuse(err)
	case !done:
		return EnqueueReply{}, waited(m)
	}
	reply.View = m.View()
	return reply, nil
}

// IDRequest names a message.
type IDRequest struct {
	ID      int64  `json:"id" rule:"required,min=1" doc:"Its id."`
	Channel string `json:"channel,omitempty" rule:"maxlen=30" doc:"Its channel. Default: whichever has a message of that id."`
}

// StatusRequest asks what became of a message.
type StatusRequest struct {
	IDRequest
	Wait float64 `json:"wait,omitempty" rule:"min=0,max=60,default=0" doc:"Seconds to wait for the outcome."`
}

// named opens the queue for a request about one message.
func (s *Service) named(ctx context.Context, r IDRequest) (*Queue, error) {
	if r.Channel != "" && !ValidChannel(r.Channel) {
		return nil, service.Errorf(service.Invalid, "channel is not a channel's name: 1 to 30 letters, digits, - and _")
	}
	return s.openQueue(ctx)
}

func (s *Service) serveStatus(ctx context.Context, r StatusRequest) (View, error) {
	work, cancel := context.WithTimeout(ctx, s.cfg.WorkLimit)
	defer cancel()
	q, err := s.named(work, r.IDRequest)
	var m Message
	if err == nil {
		m, err = q.Get(work, r.Channel, r.ID)
	}
	if err != nil {
		return View{}, refuse(err)
	}
	m, done, err := s.wait(ctx, q, m, r.Wait)
	switch {
	case err != nil:
		return View{}, refuse(err)
	case !done:
		return View{}, waited(m)
	}
	return m.View(), nil
}

func (s *Service) serveCancel(ctx context.Context, r IDRequest) (View, error) {
	q, err := s.named(ctx, r)
	var m Message
	if err == nil {
		m, err = q.Cancel(ctx, r.Channel, r.ID)
	}
	return m.View(), refuse(err)
}

func (s *Service) serveRetry(ctx context.Context, r IDRequest) (View, error) {
	q, err := s.named(ctx, r)
	var m Message
	if err == nil {
		m, err = q.Retry(ctx, r.Channel, r.ID)
	}
	return m.View(), refuse(err)
}

// ListRequest narrows the list of messages.
type ListRequest struct {
	Channel string  `json:"channel,omitempty" rule:"maxlen=30" doc:"Of one channel. Default: all."`
	State   []State `json:"state,omitempty" rule:"maxitems=8,enum=queued|claimed|sending|sent|failed|abandoned|unknown|cancelled" doc:"In these states. Default: all."`
	Limit   int     `json:"limit,omitempty" rule:"min=1,max=1000,default=100" doc:"How many at most."`
	After   uint64  `json:"after,omitempty" doc:"The next of the page before."`
}

// ListReply is a page of messages.
type ListReply struct {
	Messages []View `json:"messages"`
	// Next is what to give as after for the next page; 0 on the last.
	Next uint64 `json:"next" doc:"What to give as after for the next page; 0 on the last."`
}

func (s *Service) serveList(ctx context.Context, r ListRequest) (ListReply, error) {
	q, err := s.named(ctx, IDRequest{Channel: r.Channel})
	if err != nil {
		return ListReply{}, refuse(err)
	}
	list, err := q.List(ctx, Filter{Channel: r.Channel, States: r.State, After: r.After, Limit: r.Limit + 1})
	if err != nil {
		return ListReply{}, refuse(err)
	}
	reply := ListReply{Messages: []View{}}
	for i, m := range list {
		if i == r.Limit {
			reply.Next = list[i-1].Position
			break
		}
		reply.Messages = append(reply.Messages, m.View())
	}
	return reply, nil
}

// holderOf names a caller that leases messages.
func holderOf(name string) string {
	name = strings.TrimSpace(name)
	if name == "" {
		return "caller"
	}
	return callerPrefix + name
}
