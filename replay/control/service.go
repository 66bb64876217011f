package control

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"rosey/replay"
	"rosey/streams"
	"rosey/streams/service"
)

// Worker does what is asked for.
type Worker interface {
	// Start begins the work and returns; Work tells of it from then on. The error is
	// replay.ErrBusy while there is another.
	Start(r replay.Request) error
	// Cancel breaks the work off after its batch, and reports whether there was any.
	Cancel() bool
	// Work is the present work or the last one.
	Work() replay.Work
}

// Config says whose requests are answered.
type Config struct {
	// Conn is where requests come from.
	Conn *streams.Conn
	// Key is that of the store, see schema.Store.Key.
	Key string
	// Worker does the work.
	Worker Worker
	// Version is the program's.
	Version string
	// Logger receives what a person should know. Default: none.
	Logger *slog.Logger
}

// Validate reports what New would refuse.
func (c Config) Validate() error {
	if c.Conn == nil || c.Key == "" || c.Worker == nil {
		return errors.New("control: a service needs a connection, a key and somebody who does the work")
	}
	return nil
}

// Service takes requests from New until Stop.
type Service struct{ service *service.Service }

// New takes requests from now on.
func New(cfg Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	d := &desk{worker: cfg.Worker, log: cfg.Logger.With("component", "control")}
	s, err := service.New(service.Config{
		Conn: cfg.Conn, Name: ServiceName, Version: cfg.Version, Logger: cfg.Logger,
		Description: "Work on the tables of one projector, for their owner.", Endpoints: d.endpoints(cfg.Key),
	})
	if err != nil {
		return nil, err
	}
	return &Service{s}, nil
}

// Stop takes no more requests. Work that was begun goes on.
func (s *Service) Stop(ctx context.Context) error { return s.service.Stop(ctx) }

// Counts returns the numbers of all endpoints by their names.
func (s *Service) Counts() map[string]service.Counts { return s.service.EveryCount() }

// Endpoints are what the service answers, for documentation: with nobody behind
// them, and with a word in the place of the key.
func Endpoints() []service.Endpoint { return new(desk).endpoints("KEY") }

// desk is where requests are taken.
type desk struct {
	worker Worker
	log    *slog.Logger

	mu    sync.Mutex
	token string // of the last request that began something
	begun string // the work that it began
}

func (d *desk) endpoints(key string) []service.Endpoint {
	return []service.Endpoint{
		service.NewEndpoint(service.Declaration{
			Name: "projector_start", Subject: subject(key, start),
			Doc:      "Begin a rebuild beside the running projection, go back to the generation before, or try dead letters again.",
			Examples: []string{`{"kind":"rebuild"}`, `{"kind":"rebuild","keep":5,"fresh":true}`, `{"kind":"undo"}`, `{"kind":"retry","seqs":[4711]}`},
		}, d.start),
		service.NewEndpoint(service.Declaration{
			Name: "projector_cancel", Subject: subject(key, cancel),
			Doc:      "Break the work off after its batch. What a rebuild has done is kept where the next can go on from there.",
			Examples: []string{`{"id":"w1"}`},
		}, d.cancel),
		service.NewEndpoint(service.Declaration{
			Name: "projector_work", Subject: subject(key, work),
			Doc:      "How far the work is, or what came of the last one. Its id is empty where there was none.",
			Examples: []string{`{}`},
		}, d.work),
	}
}

// StartRequest asks for work.
type StartRequest struct {
	replay.Request
	// Token makes a request that is repeated begin nothing twice.
	Token string `json:"token,omitempty" rule:"maxlen=64" doc:"Any text of the caller's own: a request that is repeated with it begins nothing twice."`
}

func (d *desk) start(_ context.Context, r StartRequest) (replay.Work, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Token != "" && r.Token == d.token {
		if w := d.worker.Work(); w.ID == d.begun {
			return w, nil
		}
		return replay.Work{}, service.Errorf(service.InvalidState, "that work is over, and there has been another since")
	}
	if err := d.worker.Start(r.Request); err != nil {
		return replay.Work{}, d.refusal(err)
	}
	w := d.worker.Work()
	d.token, d.begun = r.Token, w.ID
	d.log.Info("work was asked for", "kind", r.Kind)
	return w, nil
}

// refused are the particulars of a request that is not carried out.
type refused struct {
	// Work is what the projector is at instead.
	Work *replay.Work `json:"work,omitempty"`
	// Class is that of a replay.Work that failed so, Remedy what to do about it.
	Class  string `json:"class,omitempty"`
	Remedy string `json:"remedy,omitempty"`
}

func (d *desk) refusal(err error) error {
	if errors.Is(err, replay.ErrBusy) {
		w := d.worker.Work()
		e := service.Errorf(service.Busy, "%s", err.Error())
		e.Details = refused{Work: &w}
		return e
	}
	e := service.Errorf(service.InvalidState, "%s", err.Error())
	var w replay.Work
	w.Fail(err)
	e.Details = refused{Class: w.Class, Remedy: w.Remedy}
	return e
}

// CancelRequest names the work, so that nobody breaks off what somebody else began
// in the meantime.
type CancelRequest struct {
	ID string `json:"id" rule:"required,minlen=1,maxlen=64" doc:"The work to break off."`
}

func (d *desk) cancel(_ context.Context, r CancelRequest) (replay.Work, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if w := d.worker.Work(); w.ID != r.ID {
		return w, service.Errorf(service.InvalidState, "that is not the present work")
	}
	if d.worker.Cancel() {
		d.log.Info("the work is being broken off, as was asked for")
	}
	return d.worker.Work(), nil
}

// WorkRequest asks for nothing in particular.
type WorkRequest struct{}

func (d *desk) work(context.Context, WorkRequest) (replay.Work, error) { return d.worker.Work(), nil }
