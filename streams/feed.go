package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// direct is how to reach the embedded server once more.
type direct struct {
	dial           func() (net.Conn, error)
	user, password string
}

// feed receives what a consumer delivers, on a connection to the embedded server of
// its own, until the first thing that goes wrong. It does what pull does in half the
// processor time, and nothing that a reader could do without: it leaves headers out,
// and reconnects to nothing. Its user takes a pull then.
type feed struct {
	c        *Conn
	conn     net.Conn
	frames   *frameReader
	imported imported
	lost     <-chan struct{} // closed by a lost connection
	requests string          // where to ask for messages
	inbox    string
	capacity int
	done     chan struct{} // nothing is received any more

	mu     sync.Mutex
	queue  []Message
	undone int // messages that were asked for and will not come
	err    error
	more   chan struct{} // something happened

	// The rest belongs to the goroutine that calls next.
	batch []Message
	at    int
	due   int // messages that were asked for and not returned yet
	quiet int // how often in succession nothing happened for a while
	timer *time.Timer
}

// feedSilence is how often nothing may come for a while, not even a sign of life,
// although messages are due.
const feedSilence = int(5 * heartbeat / quietFor)

// handOver is how many messages are handed over at once while more are there: to
// wake the other side for each takes longer than to read it.
const handOver = 256

// startFeed begins to receive. inFlight bounds the messages on their way and those
// waiting here; lost ends the feed.
func (c *Conn) startFeed(cons jetstream.Consumer, inFlight int, lost <-chan struct{}, i imported) (*feed, error) {
	conn, err := c.direct.dial()
	if err != nil {
		return nil, err
	}
	f := &feed{
		c: c, conn: conn, frames: newFrameReader(conn), imported: i, lost: lost,
		requests: "$JS.API.CONSUMER.MSG.NEXT." + StreamName + "." + cons.CachedInfo().Name,
		inbox:    privateInbox + "." + nuid.Next(), capacity: min(max(inFlight, minInFlight), maxInFlight),
		done: make(chan struct{}), more: make(chan struct{}, 1), timer: time.NewTimer(quietFor),
	}
	if err := f.subscribe(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go f.receive()
	return f, nil
}

// subscribe logs in and waits until the server knows where messages are to go.
func (f *feed) subscribe() error {
	if err := f.conn.SetDeadline(time.Now().Add(f.c.timeout)); err != nil {
		return err
	}
	if _, err := f.frames.next(); err != nil { // the server's greeting
		return err
	}
	login, err := json.Marshal(map[string]any{
		"user": f.c.direct.user, "pass": f.c.direct.password, "name": "rosey reader", "lang": "go", "version": nats.Version,
		"protocol": 1, "headers": true, "verbose": false, "pedantic": false,
	})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(f.conn, "CONNECT %s\r\nSUB %s.* 1\r\nPING\r\n", login, f.inbox); err != nil {
		return err
	}
	for {
		fr, err := f.frames.next()
		if err != nil {
			return err
		}
		if fr.kind == framePong {
			return f.conn.SetDeadline(time.Time{})
		}
	}
}

// receive reads until the connection ends.
func (f *feed) receive() {
	defer close(f.done)
	waiting := 0 // messages of which the other side was not told
	for {
		if waiting >= handOver || waiting > 0 && f.frames.drained() {
			waiting = 0
			f.wake()
		}
		fr, err := f.frames.next()
		switch {
		case err != nil:
			f.fail(fmt.Errorf("%w: %w", ErrDisconnected, err))
			return
		case fr.kind == framePing:
			if _, err := f.conn.Write([]byte("PONG\r\n")); err != nil {
				f.fail(fmt.Errorf("%w: %w", ErrDisconnected, err))
				return
			}
		case fr.kind == frameMessage && !fr.reply:
			if err := f.status(fr.header); err != nil {
				f.fail(err)
				return
			}
		case fr.kind == frameMessage:
			m, err := f.message(fr)
			if err != nil {
				f.fail(err)
				return
			}
			f.mu.Lock()
			f.queue = append(f.queue, m)
			f.mu.Unlock()
			waiting++
		}
	}
}

// message is what a frame delivers, as toMessage reads it, without its headers.
func (f *feed) message(fr frame) (Message, error) {
	if fr.posErr != nil {
		return Message{}, fmt.Errorf("message on %s: %w", fr.subject, fr.posErr)
	}
	m := Message{
		Seq: fr.pos.stream, Time: fr.pos.time, Subject: fr.subject, Data: fr.data, Pending: fr.pos.pending, delivery: fr.pos.delivery,
	}
	if len(fr.header) > 0 {
		m.Header, m.MsgID = decodeHeaders(fr.header)
		f.imported.original(&m)
		m.Header = nil
	}
	return m, nil
}

// status heeds what the server says about a request.
func (f *feed) status(block []byte) error {
	h, err := nats.DecodeHeadersMsg(block)
	if err != nil {
		return err
	}
	switch code := h["Status"]; {
	case len(code) == 1 && code[0] == "100": // a sign of life
	case len(h["Nats-Pending-Messages"]) == 1:
		// The request ended, most often because the next message would have been more
		// than the bytes that were asked for.
		n, err := strconv.Atoi(h["Nats-Pending-Messages"][0])
		if err != nil || n < 0 {
			return fmt.Errorf("%w: %q messages pending", errFrame, h["Nats-Pending-Messages"][0])
		}
		f.mu.Lock()
		f.undone += n
		f.mu.Unlock()
	default:
		return fmt.Errorf("%w: %v %v", ErrConsumerGone, code, h["Description"])
	}
	f.wake()
	return nil
}

func (f *feed) fail(err error) {
	f.mu.Lock()
	if f.err == nil {
		f.err = err
	}
	f.mu.Unlock()
	f.wake()
}

func (f *feed) wake() {
	select {
	case f.more <- struct{}{}:
	default:
	}
}

// next returns the next message, what arrived before an error first.
func (f *feed) next(ctx context.Context) (Message, error) {
	for {
		if f.at < len(f.batch) {
			m := f.batch[f.at]
			f.batch[f.at] = Message{}
			f.at++
			f.due--
			return m, f.ask()
		}
		if err := ctx.Err(); err != nil {
			return Message{}, err
		}
		if err := f.take(); err != nil {
			return Message{}, err
		}
		if f.at < len(f.batch) {
			continue
		}
		if err := f.ask(); err != nil {
			return Message{}, err
		}
		if err := f.wait(ctx); err != nil {
			return Message{}, err
		}
	}
}

// wait waits until something happened.
func (f *feed) wait(ctx context.Context) error {
	f.timer.Reset(quietFor)
	select {
	case <-f.more:
		f.quiet = 0
	case <-f.lost:
		f.fail(ErrDisconnected)
	case <-f.timer.C:
		if f.quiet++; f.quiet < feedSilence {
			return errQuiet
		}
		f.fail(ErrNoHeartbeat)
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take swaps the read batch for the queue.
func (f *feed) take() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due -= f.undone
	f.undone = 0
	if len(f.queue) == 0 {
		return f.err
	}
	f.batch, f.queue, f.at = f.queue, f.batch[:0], 0
	return nil
}

// ask asks for more once half of what may be due is here.
func (f *feed) ask() error {
	if f.due > f.capacity/2 {
		return nil
	}
	n := f.capacity - f.due
	request, err := json.Marshal(map[string]any{
		"batch": n, "expires": pullExpires.Nanoseconds(), "idle_heartbeat": heartbeat.Nanoseconds(),
		// Never below what one message may have.
		"max_bytes": max(16<<20, 2*f.c.nc.MaxPayload()),
	})
	if err != nil {
		return err
	}
	f.due += n
	// Each request has an answer subject of its own, as the server wants it.
	if err := f.c.nc.PublishRequest(f.requests, f.inbox+"."+strconv.FormatInt(time.Now().UnixNano(), 36), request); err != nil {
		return fmt.Errorf("%w: %w", ErrDisconnected, err)
	}
	return nil
}

// stop ends the feed and waits until nothing of it runs any more.
func (f *feed) stop() {
	f.timer.Stop()
	_ = f.conn.Close()
	<-f.done
}
