package measure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"rosey/bot"
	"rosey/bot/cytube"
	"rosey/bot/cytube/cytubetest"
	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/service"
)

// pollEvery is how often the loop looks that is measured beside.
const pollEvery = time.Second

// chatLimits are above what is asked for, in the channel and for the sender.
var chatLimits = outbound.Rate{Burst: 1000, Sustained: 1000}

// Speak measures how long it takes until the bot says what it is asked to: from the
// request of a caller, through the service, the queue and the sender, until the
// frame is written to the line; and until the channel has shown it and the queue
// and the spool know. Messages are asked for one after the other, at a pace that the
// channel's limits never hold back. Everything is written through to the disk. Beside it, the same
// requests are served by a loop that asks for messages once a second.
func Speak(ctx context.Context, dir string, messages int, every time.Duration) (_ Result, err error) {
	s, err := newSpeech(ctx, dir)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	stop := s.send(ctx)
	if _, _, err := s.ask(ctx, 10, every, true); err != nil { // the first find everything cold
		return Result{}, errors.Join(err, stop())
	}
	wire, confirmed, err := s.ask(ctx, messages, every, true)
	if err = errors.Join(err, stop()); err != nil {
		return Result{}, err
	}
	stop = s.poll(ctx)
	polled, _, err := s.ask(ctx, max(messages/10, 10), every, false)
	if err = errors.Join(err, stop()); err != nil {
		return Result{}, err
	}
	res := latencies("wire-", wire)
	res.Join(latencies("confirmed-", confirmed))
	res.Join(latencies("polled-wire-", polled))
	res.add(Metric{"polled/wire", ratio(middle(polled), middle(wire))})
	return res, nil
}

// speech is a bot in a channel, with everything that it takes to make it speak.
type speech struct {
	rig      *rig
	channel  *cytubetest.Channel
	recorder *bot.Recorder
	sender   *outbound.Sender
	service  *outbound.Service
	caller   *streams.Conn

	stop context.CancelFunc
	done sync.WaitGroup
	errs chan error

	mu    sync.Mutex
	left  map[string]time.Time // when a text was written to the line
	texts int
}

func newSpeech(ctx context.Context, dir string) (_ *speech, err error) {
	s := &speech{stop: func() {}, errs: make(chan error, 2), left: map[string]time.Time{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("measure: %w", err), s.close())
		}
	}()
	if s.rig, err = newRig(ctx, dir, true); err != nil {
		return nil, err
	}
	if s.caller, err = s.rig.connect(ctx); err != nil {
		return nil, err
	}
	s.channel, err = cytubetest.NewChannel(cytubetest.ChannelConfig{Name: Channel, Burst: chatLimits.Burst, Sustained: chatLimits.Sustained})
	if err != nil {
		return nil, err
	}
	s.recorder, err = bot.NewRecorder(ctx, bot.RecorderConfig{
		CyTube:     cytube.Config{Server: s.channel.URL(), Channel: Channel, Username: "rosey", Password: "secret"},
		Spool:      spool.Config{Path: filepath.Join(dir, "spool", Channel+".db")},
		Stream:     func(context.Context) (spool.Appender, error) { return s.rig.stream, nil },
		Heartbeats: func(context.Context) (bot.Heartbeats, error) { return s.rig.stream, nil },
		Hear:       func(it cytube.Item) { s.sender.Hear(it) },
		// How fast it ends is not what is measured.
		CommitLimit: time.Minute,
	})
	if err != nil {
		return nil, err
	}
	s.sender, err = outbound.NewSender(outbound.SenderConfig{
		Channel: Channel, Producer: s.recorder.Producer(), Line: s, Journal: s.recorder, Acknowledged: s.recorder.Acknowledged,
		SettleEarlier: s.recorder.SettleEarlier, IsEarlier: s.recorder.IsEarlier, Leads: s.recorder.Leads,
		Queue:  func(ctx context.Context) (*outbound.Queue, error) { return outbound.OpenQueue(ctx, s.rig.stream) },
		Limits: outbound.Limits{Chat: chatLimits},
	})
	if err != nil {
		return nil, err
	}
	s.service, err = outbound.NewService(outbound.ServiceConfig{Stream: func(context.Context) (*streams.Stream, error) { return s.rig.stream, nil }})
	if err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(ctx)
	s.stop = stop
	s.done.Go(func() { s.errs <- s.recorder.Run(run) })
	s.done.Go(func() { s.errs <- s.service.Run(run) })
	for !s.recorder.Status().View.Joined || !s.answers(ctx) {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return s, nil
}

// answers reports whether the service takes requests already.
func (s *speech) answers(ctx context.Context) bool {
	found, err := service.Find(ctx, s.caller, outbound.ServiceName)
	return err == nil && len(found) > 0
}

func (s *speech) close() (err error) {
	s.stop()
	s.done.Wait()
	close(s.errs)
	for e := range s.errs {
		err = errors.Join(err, e)
	}
	if s.recorder != nil {
		err = errors.Join(err, s.recorder.Close())
	}
	if s.channel != nil {
		s.channel.Close()
	}
	if s.caller != nil {
		s.caller.Close()
	}
	if s.rig != nil {
		err = errors.Join(err, s.rig.close())
	}
	return err
}

// SendIn implements outbound.Line: the bot's own, with a look at the clock.
func (s *speech) SendIn(ctx context.Context, visit uint64, event string, args ...any) error {
	err := s.recorder.Client().SendIn(ctx, visit, event, args...)
	if text, ok := args[0].(map[string]any)["msg"].(string); ok {
		s.note(text)
	}
	return err
}

func (s *speech) note(text string) {
	at := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left[text] = at
}

// send runs the bot's sender until the returned function is called.
func (s *speech) send(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- s.sender.Run(ctx) }()
	return func() error {
		cancel()
		return <-done
	}
}

// poll runs a loop instead: it asks for messages, writes them, and marks them sent.
func (s *speech) poll(ctx context.Context) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(pollEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				done <- nil
				return
			case <-tick.C:
			}
			if err := s.pollOnce(ctx); err != nil && ctx.Err() == nil {
				done <- err
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}

func (s *speech) pollOnce(ctx context.Context) error {
	type waiting struct {
		ID      int64  `json:"id"`
		Message string `json:"message"`
	}
	list, err := service.CallBare[[]waiting](ctx, s.caller, events.LeaseSubject, map[string]any{"channel": Channel})
	if err != nil {
		return fmt.Errorf("measure: poll: %w", err)
	}
	for _, m := range list {
		if err := s.recorder.Client().Send(ctx, "chatMsg", map[string]any{"msg": m.Message, "meta": map[string]any{}}); err != nil {
			return fmt.Errorf("measure: poll: %w", err)
		}
		s.note(m.Message)
		mark, err := json.Marshal(map[string]int64{"message_id": m.ID})
		if err != nil {
			return fmt.Errorf("measure: poll: %w", err)
		}
		if err := s.caller.NATS().Publish(events.Subject(events.KindMarkSent), mark); err != nil {
			return fmt.Errorf("measure: poll: %w", err)
		}
	}
	return nil
}

// ask lets callers ask for messages, evenly, and returns how long each took to the
// line; and until it was confirmed, where they wait for that.
func (s *speech) ask(ctx context.Context, messages int, every time.Duration, wait bool) (wire, confirmed []time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute+time.Duration(messages)*every)
	defer cancel()
	texts, asked := make([]string, messages), make([]time.Time, messages)
	confirmed = make([]time.Duration, messages)
	errs := make([]error, messages)
	var wg sync.WaitGroup
	begin := time.Now()
	for i := range messages {
		s.texts++
		texts[i] = fmt.Sprintf("message %d", s.texts)
		select {
		case <-time.After(time.Until(begin.Add(time.Duration(i) * every))):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		asked[i] = time.Now()
		wg.Go(func() { confirmed[i], errs[i] = s.request(ctx, texts[i], wait) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	for i, text := range texts {
		at, err := s.leaves(ctx, text)
		if err != nil {
			return nil, nil, err
		}
		wire = append(wire, at.Sub(asked[i]))
	}
	return wire, confirmed, nil
}

// request asks for one message, and waits for its outcome where that is wanted.
func (s *speech) request(ctx context.Context, text string, wait bool) (time.Duration, error) {
	body := map[string]any{"message": text, "channel": Channel}
	if wait {
		body["wait"] = 30
	}
	begin := time.Now()
	a, err := service.Call[struct {
		State outbound.State `json:"state"`
	}](ctx, s.caller, events.SubjectPrefix+"messages.outbound.enqueue", body)
	took := time.Since(begin)
	if err != nil {
		return 0, fmt.Errorf("measure: enqueue: %w", err)
	}
	if wait && a.Data.State != outbound.Sent {
		return 0, fmt.Errorf("measure: a message is %s", a.Data.State)
	}
	return took, nil
}

// leaves waits until a text was written to the line.
func (s *speech) leaves(ctx context.Context, text string) (time.Time, error) {
	for {
		s.mu.Lock()
		at, ok := s.left[text]
		s.mu.Unlock()
		if ok {
			return at, nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("measure: a message was not sent: %w", ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}
