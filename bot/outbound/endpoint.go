package outbound

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/service"
)

const (
	// maxWait is the longest a request may wait for an outcome, in seconds.
	maxWait = 60
	// maxWaiting bounds the requests that wait at a time; the others go on beside them.
	maxWaiting = 256
	// workLimit is the default of ServiceConfig.WorkLimit.
	workLimit = 10 * time.Second
)

// Endpoints are the requests that the service answers.
func (s *Service) Endpoints() []service.Endpoint {
	declare := func(name, doc string, waits bool, examples ...string) service.Declaration {
		d := service.Declaration{
			Name: name, Subject: events.SubjectPrefix + "messages.outbound." + name, Doc: doc, Examples: examples, Timeout: s.cfg.WorkLimit,
		}
		if waits {
			// Those who wait have places of their own; see wait.
			d.Timeout, d.Limit = s.cfg.WorkLimit+maxWait*time.Second, 256+maxWaiting
		}
		return d
	}
	get := declare("get", "Unsent messages for a program that sends them itself, oldest first, leased to it for 30 seconds. "+
		"It says what became of one by publishing to messages.outbound.mark_sent or mark_failed. "+
		"On the embedded server both take the owner's password.", false,
		`{}`, `{"channel":"lounge","limit":5,"max_retries":3}`)
	get.Bare = true
	return []service.Endpoint{
		service.NewEndpoint(get, s.serveGet),
		service.NewEndpoint(declare("enqueue", "Queues a message for the bot to say, once, and waits for its outcome where that is asked for.", true,
			`{"message":"hello"}`, `{"message":"hello","channel":"lounge","key":"greeting-7","wait":10}`,
			`{"message":"see you there","channel":"lounge","recipient":"ann","not_before":"2030-01-01T20:00:00Z","long":"refuse"}`), s.serveEnqueue),
		service.NewEndpoint(declare("cancel", "Takes a message back that is not being sent yet.", false,
			`{"id":1750000000000001}`, `{"id":1750000000000001,"channel":"lounge"}`), s.serveCancel),
		service.NewEndpoint(declare("retry", "Queues a message again that failed, was abandoned, or whose outcome is unknown.", false,
			`{"id":1750000000000001}`), s.serveRetry),
		service.NewEndpoint(declare("status", "What became of a message, after waiting for it where that is asked for.", true,
			`{"id":1750000000000001}`, `{"id":1750000000000001,"wait":30}`), s.serveStatus),
		service.NewEndpoint(declare("list", "The messages in the queue, and those that were over in the last seven days, in the order in which they were queued.", false,
			`{}`, `{"channel":"lounge","state":["queued","unknown"],"limit":20}`, `{"after":4711}`), s.serveList),
	}
}

// refuse turns what the queue says into what a caller sees.
func refuse(err error) error {
	var (
		told      *service.Error
		invalid   *InvalidError
		state     *StateError
		ambiguous *AmbiguousError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &told):
		return err
	case errors.As(err, &invalid):
		return service.Errorf(service.Invalid, "%s %s", invalid.Field, invalid.Problem)
	case errors.As(err, &state):
		e := service.Errorf(service.InvalidState, "%s", state.Error())
		e.Details = map[string]any{"id": state.ID, "state": state.Is}
		return e
	case errors.As(err, &ambiguous):
		e := service.Errorf(service.ChannelRequired, "%s", ambiguous.Error())
		e.Details = map[string]any{"channels": ambiguous.Channels}
		return e
	case errors.Is(err, ErrNotFound):
		return service.Errorf(service.NotFound, "there is no such message in the queue; messages are kept for seven days after they are over")
	case errors.Is(err, ErrKeyConflict):
		return service.Errorf(service.Conflict, "the key was used for another message")
	case errors.Is(err, ErrChanged):
		return service.Errorf(service.Busy, "others keep moving the message; ask again")
	case errors.Is(err, streams.ErrNoBucket), errors.Is(err, streams.ErrNoStream):
		e := service.Errorf(service.Unavailable, "the bucket %s does not exist: run rosey stream setup", streams.OutboundBucket)
		e.Details = missingBucket{streams.OutboundBucket}
		return e
	case errors.Is(err, streams.ErrFull):
		return service.Errorf(service.Unavailable, "the queue is full")
	case errors.Is(err, streams.ErrUncertain):
		return service.Errorf(service.Unavailable, "the server did not answer: it may have happened; ask for the state, or again with the same key")
	case errors.Is(err, streams.ErrPermission):
		return service.Errorf(service.Unavailable, "the service may not do that on its server: %s", denied(err))
	case errors.Is(err, streams.ErrUnavailable), errors.Is(err, streams.ErrDisconnected), errors.Is(err, streams.ErrNoJetStream),
		errors.Is(err, context.DeadlineExceeded):
		return service.Errorf(service.Unavailable, "the server did not answer; nothing was changed")
	}
	return err
}

// missingBucket is what the refusal says where there is no queue.
type missingBucket struct {
	Bucket string `json:"missing_bucket"`
}

// IsMissing reports whether a refusal says that there is no queue, as on a server
// that was set up by an older version.
func IsMissing(err error) bool {
	var e *service.Error
	var m missingBucket
	return errors.Is(err, streams.ErrNoBucket) || errors.As(err, &e) && e.Code == service.Unavailable && e.ReadDetails(&m) == nil && m.Bucket != ""
}

// denied names what the service's user may not do.
func denied(err error) string {
	var p *streams.PermissionError
	if errors.As(err, &p) {
		return p.Error()
	}
	return "permissions violation"
}

// wait waits for a message to be over. It reports false where that did not happen
// in so many seconds.
func (s *Service) wait(ctx context.Context, q *Queue, m Message, seconds float64) (Message, bool, error) {
	if m.State.Final() || seconds <= 0 {
		return m, true, nil
	}
	select {
	case s.waits <- struct{}{}:
		defer func() { <-s.waits }()
	default:
		return m, false, service.Errorf(service.Busy, "%d requests wait already; ask for the state of message %d of channel %s later", maxWaiting, m.ID, m.Channel)
	}
	changed, leave := s.board.attend(keyOf(m.Channel, m.ID))
	defer leave()
	over := time.NewTimer(time.Duration(seconds * float64(time.Second)))
	defer over.Stop()
	for {
		now, err := q.Get(ctx, m.Channel, m.ID)
		switch {
		case err == nil && now.State.Final():
			return now, true, nil
		case err == nil:
			m = now
		case !passing(err) || ctx.Err() != nil:
			return m, false, err
		}
		// Without the board, looking from time to time has to do.
		again := time.NewTimer(waitLooks)
		select {
		case <-changed:
		case <-again.C:
		case <-over.C:
			again.Stop()
			return m, false, nil
		case <-s.ending:
			again.Stop()
			return m, false, service.Errorf(service.Unavailable, "the service is being stopped; ask again")
		case <-ctx.Done():
			again.Stop()
			return m, false, ctx.Err()
		}
		again.Stop()
	}
}

// waitLooks is how often a message is looked at that somebody waits for, should its
// change not be told.
const waitLooks = 2 * time.Second

// waited is the answer to who waited in vain.
func waited(m Message) error {
	e := service.Errorf(service.Timeout, "message %d of channel %s is still %s", m.ID, m.Channel, m.State)
	e.Details = map[string]any{"id": m.ID, "channel": m.Channel, "state": m.State}
	return e
}

func sameChannel(a, b string) bool { return strings.EqualFold(a, b) }

// distinct returns the names in lower case, each once, sorted.
func distinct(names []string) []string {
	var list []string
	for _, n := range names {
		if n = strings.ToLower(n); n != "" && !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list
}
