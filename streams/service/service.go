package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"rosey/streams"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// QueueGroup is what the services of an installation share their requests in.
const QueueGroup = "rosey"

// Config says what a Service answers, and where.
type Config struct {
	// Conn is where requests come from. It belongs to the caller, and is closed
	// after the service was stopped.
	Conn *streams.Conn
	// Name is how the service is found, such as rosey-query.
	Name string
	// Version is the program's. What is no semantic version is told as 0.0.0.
	Version string
	// Description is a sentence about the service.
	Description string
	// Endpoints are what is answered.
	Endpoints []Endpoint
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
}

// Validate reports what New would refuse.
func (c Config) Validate() error {
	if c.Conn == nil {
		return errors.New("service: no connection is given")
	}
	if c.Name == "" || len(c.Endpoints) == 0 {
		return errors.New("service: a service has a name and endpoints")
	}
	seen := map[string]bool{}
	for _, e := range c.Endpoints {
		if e.serve == nil || e.Subject == "" || e.Name == "" {
			return fmt.Errorf("service: endpoint %q is not declared with a name, a subject and a function", e.Name)
		}
		if seen[e.Subject] || seen[e.Name] {
			return fmt.Errorf("service: endpoint %s is declared twice", e.Name)
		}
		seen[e.Subject], seen[e.Name] = true, true
	}
	return nil
}

// Service answers requests from New until Stop. It survives the loss of its
// connection: nothing is answered meanwhile.
type Service struct {
	cfg   Config
	log   *slog.Logger
	micro micro.Service
	end   context.CancelFunc // ends what is at work when Stop waits no longer
	doors map[string]*door
	work  sync.WaitGroup
}

// door is an endpoint in service.
type door struct {
	endpoint Endpoint
	slots    chan struct{}
	counts   counts
}

// New answers requests at once. The connection may be down as yet.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	// The handlers belong to the service, not to the call of New.
	ctx, end := context.WithCancel(context.Background())
	s := &Service{cfg: cfg, log: cfg.Logger.With("component", "service"), doors: map[string]*door{}, end: end}
	var err error
	s.micro, err = micro.AddService(cfg.Conn.NATS(), micro.Config{
		Name: cfg.Name, Version: SemVer(cfg.Version), Description: cfg.Description, QueueGroup: QueueGroup,
		StatsHandler: s.stats,
	})
	if err != nil {
		end()
		return nil, fmt.Errorf("service: %s: %w", cfg.Name, err)
	}
	for _, e := range cfg.Endpoints {
		if err := s.open(ctx, e); err != nil {
			end()
			return nil, errors.Join(fmt.Errorf("service: %s: endpoint %s: %w", cfg.Name, e.Name, err), s.micro.Stop())
		}
	}
	// A request that is sent after New has returned is answered. Without a connection
	// the client subscribes as soon as there is one.
	if cfg.Conn.IsConnected() {
		if err := cfg.Conn.NATS().Flush(); err != nil {
			s.log.Debug("subscriptions are not confirmed yet", "err", err)
		}
	}
	return s, nil
}

func (s *Service) open(ctx context.Context, e Endpoint) error {
	metadata, err := e.metadata()
	if err != nil {
		return err
	}
	d := &door{endpoint: e, slots: make(chan struct{}, e.Limit), counts: counts{codes: map[Code]uint64{}, times: newTimes()}}
	s.doors[e.Name] = d
	return s.micro.AddEndpoint(e.Name, micro.HandlerFunc(func(r micro.Request) { s.take(ctx, d, r) }),
		micro.WithEndpointSubject(e.Subject), micro.WithEndpointMetadata(metadata))
}

// take begins the work on a request and returns at once: requests of one
// subscription are handed over one after the other.
func (s *Service) take(ctx context.Context, d *door, r micro.Request) {
	if r.Reply() == "" {
		// Nobody can be told what came of it.
		d.counts.add(0, Invalid)
		s.log.Debug("a request without a reply subject is ignored", "subject", r.Subject())
		return
	}
	select {
	case d.slots <- struct{}{}:
	default:
		s.refuse(d, r.Reply(), Errorf(Busy, "%d requests are at work; ask again", cap(d.slots)))
		return
	}
	body, reply := r.Data(), r.Reply()
	s.work.Go(func() {
		defer func() { <-d.slots }()
		s.answer(ctx, d, reply, body)
	})
}

func (s *Service) refuse(d *door, reply string, told *Error) {
	text, _ := encodeError(told) // nothing but texts
	d.counts.add(0, told.Code)
	s.send(d, reply, text, told)
}

func (s *Service) answer(ctx context.Context, d *door, reply string, body []byte) {
	since := now()
	defer func() {
		if p := recover(); p != nil {
			// What it says may be what somebody asked.
			s.log.Error("a request made its handler panic", "subject", d.endpoint.Subject,
				"err", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			s.refuse(d, reply, Errorf(Internal, "internal error"))
		}
	}()
	text, told, err := d.endpoint.Answer(ctx, body)
	if err != nil {
		s.log.Error("a request failed", "subject", d.endpoint.Subject, "err", err)
	}
	if most := s.cfg.Conn.NATS().MaxPayload(); most > 0 && int64(len(text)) > most {
		s.refuse(d, reply, Errorf(TooLarge, "the answer has %d bytes, the server carries %d: ask for less", len(text), most))
		return
	}
	code := Code("")
	if told != nil {
		code = told.Code
	}
	d.counts.add(since(), code)
	s.send(d, reply, text, told)
}

func (s *Service) send(d *door, reply string, text []byte, told *Error) {
	m := &nats.Msg{Subject: reply, Data: text}
	if told != nil {
		m.Header = nats.Header{micro.ErrorCodeHeader: {string(told.Code)}, micro.ErrorHeader: {line(told.Message)}}
	}
	if err := s.cfg.Conn.NATS().PublishMsg(m); err != nil {
		s.log.Debug("an answer could not be sent", "subject", d.endpoint.Subject, "err", err)
	}
}

// line is a message as a header holds it.
func line(message string) string {
	const most = 500
	if r := []rune(message); len(r) > most {
		message = string(r[:most]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, message)
}

// barrierLimit bounds how long Stop waits for all subscriptions of the connection,
// among which others' may stand still.
const barrierLimit = 2 * time.Second

// Stop takes no more requests and waits for the answers to those it took. When
// the context ends first, their handlers are told to end, and waited for.
func (s *Service) Stop(ctx context.Context) error {
	defer s.end()
	nc := s.cfg.Conn.NATS()
	err := s.micro.Stop()
	if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
		err = nil // nothing comes from a closed connection
	}
	if err != nil {
		err = fmt.Errorf("service: stop %s: %w", s.cfg.Name, err)
	}
	// What the server sent before it heard of the end has arrived when it answers,
	// and was taken when each subscription has come to the barrier.
	if s.cfg.Conn.IsConnected() && nc.FlushWithContext(ctx) == nil {
		passed := make(chan struct{})
		if nc.Barrier(func() { close(passed) }) == nil {
			patience := time.NewTimer(barrierLimit)
			select {
			case <-passed:
			case <-patience.C:
			case <-ctx.Done():
			}
			patience.Stop()
		}
	}
	stop := context.AfterFunc(ctx, s.end)
	defer stop()
	s.work.Wait()
	if s.cfg.Conn.IsConnected() {
		_ = nc.FlushWithContext(ctx) // the answers are on their way either way
	}
	return err
}

// semantic is a semantic version.
var semantic = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

// SemVer is a program's version as services tell it.
func SemVer(version string) string {
	v := strings.TrimPrefix(version, "v")
	if !semantic.MatchString(v) {
		return "0.0.0"
	}
	return v
}
