package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"rosey/bot/outbound"
	"rosey/streams"
	"rosey/streams/service"
)

// outbox is where messages for a channel are left: the service of a running
// installation, or the queue itself.
type outbox interface {
	Enqueue(ctx context.Context, r outbound.Request) (queued, error)
	Get(ctx context.Context, channel string, id int64) (outbound.View, error)
	List(ctx context.Context, f outbound.Filter) ([]outbound.View, error)
	Cancel(ctx context.Context, channel string, id int64) (outbound.View, error)
	Retry(ctx context.Context, channel string, id int64) (outbound.View, error)
	// Await returns a message once nothing more happens to it by itself.
	Await(ctx context.Context, channel string, id int64) (outbound.View, error)
}

// queued is a message that was left.
type queued struct {
	outbound.View
	// Existed is whether a request with this key was there already.
	Existed bool
	// Bot is whether a bot is in the channel now: one of the values of
	// outbound.EnqueueReply.
	Bot string
}

// outboxFlags say which installation's.
type outboxFlags struct {
	dataFlag
	natsFlags
	logFlags
	JSON bool `help:"Print JSON, one object a line; texts as they are, times in milliseconds."`
}

// words are the flags as another command needs them.
func (f outboxFlags) words() string {
	switch {
	case f.external():
		return " --nats " + shell(strings.Join(f.Nats, ","))
	case f.Data != defaultData:
		return " --data " + shell(f.Data)
	}
	return ""
}

// postOffice is an outbox, and what is known about where it stands.
type postOffice struct {
	outbox
	// running is whether a server runs that a bot can come to meanwhile.
	running bool
	close   func() error
}

// open finds the service; where none answers, the queue is used directly, and
// whoever changes something is told that.
func (f outboxFlags) open(ctx context.Context, con *console, changes bool) (*postOffice, error) {
	p, s, err := f.reach(ctx, con)
	if err != nil || p.outbox != nil {
		return p, err
	}
	q, err := outbound.OpenQueue(ctx, s)
	if err != nil {
		return nil, errors.Join(f.explainBucket(err), p.close())
	}
	where := "nothing runs here"
	if p.running {
		where = "no bot and no projector runs here"
	}
	if changes {
		fmt.Fprintf(con.err, "%s; the queue is used directly\n", where)
	}
	p.outbox = &outboxQueue{queue: q, stream: s, known: f.knownChannels}
	return p, nil
}

// reach finds the service; without one, the stream whose queue there is.
func (f outboxFlags) reach(ctx context.Context, con *console) (*postOffice, *streams.Stream, error) {
	log := f.logger(con.err, slog.LevelError)
	if !f.external() {
		a, err := attachInTurn(ctx, con, f.dataFlag, f.natsFlags, log)
		if err != nil {
			return nil, nil, err
		}
		p := &postOffice{running: a.Running, close: a.Close}
		if a.Running && answers(ctx, a.Conn, outbound.ServiceName) {
			p.outbox = outboxService{a.Conn}
		}
		return p, a.Stream, nil
	}
	cfg, err := f.config(log)
	if err != nil {
		return nil, nil, err
	}
	conn, err := streams.Connect(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	p := &postOffice{running: true, close: func() error { conn.Close(); return nil }}
	if answers(ctx, conn, outbound.ServiceName) {
		// Whoever may ask the service need not be allowed to look at the stream.
		p.outbox = outboxService{conn}
		return p, nil, nil
	}
	s, err := streams.Open(ctx, conn)
	if err != nil {
		conn.Close()
	}
	return p, s, f.natsFlags.explain(err)
}

// answers reports whether a service of that name is there. One that may not be
// asked for may be there.
func answers(ctx context.Context, c *streams.Conn, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := c.NATS().RequestWithContext(ctx, "$SRV.PING."+name, nil)
	return !errors.Is(err, nats.ErrNoResponders)
}

// explainBucket says what makes the queue where there is none.
func (f outboxFlags) explainBucket(err error) error {
	if !outbound.IsMissing(err) {
		return err
	}
	err = errors.New("there is no queue for messages yet: this server was set up by an older version")
	if f.external() {
		return advise(err, "rosey stream setup%s", f.words())
	}
	return advise(err, "rosey stream setup%s   (or end the server of that folder, and start rosey up or rosey server again)", f.words())
}

// knownChannels lists the channels that a data folder has to do with, for a
// message that names none.
func (f outboxFlags) knownChannels(ctx context.Context) ([]string, error) {
	if f.external() {
		return nil, nil
	}
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	t, err := openFile(ctx, dir.Database().Link)
	if err != nil {
		return nil, nil // no tables: nothing is known
	}
	defer func() { _ = t.Close() }()
	return t.Channels(ctx)
}

// explain adds the next step to what the outbox refuses.
func (f outboxFlags) explain(con *console, err error) error {
	var given *adviceError
	var missing *channelRequiredError
	code := service.CodeOf(err)
	switch {
	case err == nil, errors.As(err, &given):
		return err
	case outbound.IsMissing(err):
		return f.explainBucket(err)
	case errors.Is(err, context.Canceled):
		return advise(errors.New("interrupted; it may have happened all the same"), "rosey outbound list%s", f.words())
	case errors.As(err, &missing):
		if len(missing.known) == 0 {
			return misused(con, advise(err, "--channel NAME"))
		}
		return misused(con, advise(err, "--channel NAME with one of: %s", printable(strings.Join(missing.known, ", "))))
	case errors.Is(err, outbound.ErrInvalid), code == service.Invalid, code == service.TooLarge:
		return misused(con, advise(err, "rosey send --help"))
	case errors.Is(err, outbound.ErrAmbiguous), code == service.ChannelRequired:
		return misused(con, advise(err, "--channel NAME"))
	case errors.Is(err, outbound.ErrNotFound), code == service.NotFound:
		return advise(err, "rosey outbound list%s   (finished messages are kept for a week)", f.words())
	case errors.Is(err, outbound.ErrKeyConflict), code == service.Conflict:
		return advise(err, "another --key, or the same message as before")
	case errors.Is(err, outbound.ErrState), code == service.InvalidState:
		return advise(err, "rosey outbound list%s   (shows the state of each)", f.words())
	case errors.Is(err, service.ErrNoAnswer), errors.Is(err, service.ErrNoService), code == service.Unavailable, code == service.Busy, code == service.Timeout:
		return advise(err, "try again; rosey doctor%s tells what is wrong", f.words())
	}
	return err
}
