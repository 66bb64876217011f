package campaign

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/internal/campaign/speech"
	"rosey/internal/installation"
	"rosey/streams/service"
)

const (
	// botName is who says what is queued.
	botName = "rosey"
	// confidant gets the private messages.
	confidant = "ann"
)

// asker queues messages for the bot to say, whatever happens meanwhile. Each has
// a key: where no answer comes, asking again queues nothing new.
type asker struct {
	data    installation.Dir
	channel string
	rand    *rand.Rand

	attachment *installation.Attachment
	queue      *outbound.Queue

	mu        sync.Mutex
	asked     []speech.Asked // with their ids
	doubtful  *speech.Asked  // one that may be queued: there was no answer
	byService int            // how many were queued through the service
}

// run queues messages until the context ends: a few a second, now and then many
// at once, as many as the channel lets the bot say.
func (s *asker) run(ctx context.Context) {
	for {
		wait := time.Duration(s.rand.Int64N(int64(400 * time.Millisecond)))
		count := 1
		if s.rand.IntN(20) == 0 {
			count = 5 + s.rand.IntN(10)
		}
		if !pause(ctx, wait) {
			return
		}
		for range count {
			a := speech.Message(s.said()+1, confidant)
			s.doubtful = &a
			for s.settleDoubt(ctx) != nil {
				if !pause(ctx, 20*time.Millisecond) {
					return
				}
			}
		}
	}
}

func (s *asker) said() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

// settleDoubt queues the message that may be queued already.
func (s *asker) settleDoubt(ctx context.Context) error {
	if s.doubtful == nil {
		return nil
	}
	if err := s.ask(ctx, s.doubtful); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked, s.doubtful = append(s.asked, *s.doubtful), nil
	return nil
}

// askLimit bounds one attempt to queue a message.
const askLimit = 3 * time.Second

// ask queues a message, by the service or straight into the bucket, as chance has
// it.
func (s *asker) ask(ctx context.Context, a *speech.Asked) error {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	if err := s.attach(ctx); err != nil {
		return err
	}
	r := a.Request(s.channel)
	if a.Kind == speech.Later {
		r.NotBefore = time.Now().Add(time.Second)
	}
	if s.rand.IntN(2) == 0 {
		id, err := s.request(ctx, r)
		if err == nil {
			a.ID = id
			s.mu.Lock()
			s.byService++
			s.mu.Unlock()
		}
		return err
	}
	m, _, err := s.queue.Enqueue(ctx, r)
	a.ID = m.ID
	return err
}

// request queues a message through the service, of whichever process answers.
func (s *asker) request(ctx context.Context, r outbound.Request) (int64, error) {
	request := map[string]any{"message": r.Text, "channel": r.Channel, "key": r.Key}
	if r.Recipient != "" {
		request["recipient"] = r.Recipient
	}
	if r.Long != "" {
		request["long"] = r.Long
	}
	if !r.NotBefore.IsZero() {
		request["not_before"] = r.NotBefore.Format(time.RFC3339Nano)
	}
	answer, err := service.Call[struct {
		ID int64 `json:"id"`
	}](ctx, s.attachment.Conn, events.SubjectPrefix+"messages.outbound.enqueue", request)
	if err == nil && answer.Data.ID <= 0 {
		err = errors.New("campaign: the service queued a message without an id")
	}
	return answer.Data.ID, err
}

// attach connects to the server, once: the connection finds it again on whatever
// port it comes back.
func (s *asker) attach(ctx context.Context) error {
	if s.queue != nil {
		return nil
	}
	cfg, err := s.data.ClientConfig(nil)
	if err != nil {
		return err
	}
	a, err := installation.AttachTo(ctx, cfg)
	if err != nil {
		return err
	}
	q, err := outbound.OpenQueue(ctx, a.Stream)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	s.attachment, s.queue = a, q
	return nil
}

func (s *asker) close() {
	if s.attachment != nil {
		_ = s.attachment.Close()
	}
}

// longWait is a wait for a next attempt that the campaign does not wait for.
const longWait = 5 * time.Second

// rest waits until everything that was queued has come to an end, and returns it.
// What would be tried again only in minutes is taken back. The error says what is
// still to come after the limit.
func (s *asker) rest(ctx context.Context, limit time.Duration) (final []outbound.Message, err error) {
	for end := time.Now().Add(limit); ; {
		var open []outbound.Message
		if final, open, err = s.look(ctx); err == nil && len(open) == 0 {
			return final, nil
		}
		if time.Now().After(end) || !pause(ctx, 50*time.Millisecond) {
			break
		}
	}
	if err == nil {
		err = fmt.Errorf("messages have not come to an end within %s", limit)
	}
	return final, err
}

// lookLimit bounds one look at all of the queue.
const lookLimit = time.Minute

// look returns all messages, and those that have not come to an end.
func (s *asker) look(ctx context.Context) (all, open []outbound.Message, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	if err := s.attach(ctx); err != nil {
		return nil, nil, err
	}
	if err := s.settleDoubt(ctx); err != nil {
		return nil, nil, err
	}
	if all, err = s.queue.List(ctx, outbound.Filter{Channel: s.channel}); err != nil {
		return nil, nil, err
	}
	open = slices.DeleteFunc(slices.Clone(all), func(m outbound.Message) bool { return m.State.Final() })
	for _, m := range open {
		if m.State == outbound.Queued && time.UnixMilli(m.NextAttemptMS).After(time.Now().Add(longWait)) {
			// Where it is too late for that, the next look tells what became of it.
			_, _ = s.queue.Cancel(ctx, m.Channel, m.ID)
		}
	}
	return all, open, nil
}

// restOfSpeech waits for the bot to have said what it was asked to.
func (s *segment) restOfSpeech(ctx context.Context) {
	final, err := s.asker.rest(ctx, progressLimit)
	if err != nil && ctx.Err() == nil {
		s.fail(fmt.Sprintf("%v", err), s.bot)
	}
	s.evidence.Final = final
}

// spoken are the public lines of the bot, as the channel showed them.
type spokenLine struct {
	timeMS int64
	text   string
}

func (s *segment) spoken() map[spokenLine]bool {
	lines := map[spokenLine]bool{}
	for _, l := range s.channel.Shown() {
		if l.To == "" {
			lines[spokenLine{l.TimeMS, l.Text}] = true
		}
	}
	return lines
}

// compareSpeech holds what the bot was asked to say against what everybody knows
// of it.
func (s *segment) compareSpeech() {
	s.evidence.Asked = s.asker.asked
	s.evidence.Shown, s.evidence.Dropped = s.channel.Shown(), s.channel.Dropped()
	s.evidence.Deaths = s.attacks
	v := s.evidence.Judge()
	v.ByService = s.asker.byService
	s.result.outbound = v.Figures
	s.note("outbound: %s", v.Figures.String())
	s.tell(findings{lost: v.Lost, duplicated: v.Twice, differences: v.Wrong})
}
