package embedded_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"rosey/events"
	"rosey/streams"
	"rosey/streams/embedded"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// access is a server with three events, the projector's consumer and an
// anonymous client.
type access struct {
	admin  *streams.Conn
	stream *streams.Stream
	anon   *streams.Conn
}

// patient is long enough for any machine and disk to answer what is allowed; impatient
// is how long a call lasts whose denial shows in nothing but the want of an answer.
const (
	patient   = 2 * time.Minute
	impatient = 5 * time.Second
)

func newAccess(t *testing.T, patience time.Duration) access {
	t.Helper()
	s := start(t, t.TempDir(), func(c *embedded.Config) { c.NoListen, c.Port = false, embedded.AnyPort })
	a := access{admin: admin(t, s)}
	var err error
	if a.stream, _, err = streams.Setup(t.Context(), a.admin, streams.StreamOptions{MaxBytesIfNew: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"p-1", "p-2", "p-3"} {
		if _, err := a.stream.Append(t.Context(), streams.AppendMessage{Subject: "rosey.db.user.joined", MsgID: id, Data: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.stream.Consumer(t.Context(), "main", streams.ConsumerOptions{}); err != nil {
		t.Fatal(err)
	}
	marks, err := a.stream.OutboundMarks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	marks.Close()
	a.anon, err = streams.Connect(t.Context(), streams.Config{URLs: []string{s.ClientURL()}, Timeout: patience})
	if err != nil {
		t.Fatalf("connect anonymously: %v", err)
	}
	t.Cleanup(a.anon.Close)
	return a
}

func TestAccess_AnonymousMayRead(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	ctx := t.Context()
	s, err := streams.Open(ctx, a.anon)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if state, err := s.State(ctx); err != nil || state.LastSeq != 3 {
		t.Errorf("state: %+v, %v", state, err)
	}
	if m, err := s.Get(ctx, 2); err != nil || m.MsgID != "p-2" {
		t.Errorf("get: %+v, %v", m, err)
	}
	r, err := s.Reader(ctx, streams.ReadOptions{StopAtEnd: true})
	if err != nil {
		t.Fatalf("reader: %v", err)
	}
	defer r.Close()
	for want := uint64(1); want <= 3; want++ {
		if m, err := r.Next(ctx); err != nil || m.Seq != want {
			t.Fatalf("next: %+v, %v; want %d", m, err, want)
		}
	}

	js := a.anon.JetStream()
	stream, err := js.Stream(ctx, streams.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := stream.GetLastMsgForSubject(ctx, "rosey.db.user.joined"); err != nil || m.Sequence != 3 {
		t.Errorf("direct get: %+v, %v", m, err)
	}
	own, err := js.CreateOrUpdateConsumer(ctx, streams.StreamName, jetstream.ConsumerConfig{
		Durable: "analyst", AckPolicy: jetstream.AckExplicitPolicy, FilterSubject: "rosey.db.user.>",
	})
	if err != nil {
		t.Fatalf("own consumer: %v", err)
	}
	m, err := own.Next(jetstream.FetchMaxWait(patient))
	if err != nil {
		t.Fatalf("next: %v", err)
	}
	if err := m.DoubleAck(ctx); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	if _, err := js.Consumer(ctx, streams.StreamName, "projector-main"); err != nil {
		t.Errorf("look at the projector's consumer: %v", err)
	}
	if err := js.DeleteConsumer(ctx, streams.StreamName, "analyst"); err != nil {
		t.Errorf("delete own consumer: %v", err)
	}
}

func TestAccess_AnonymousMayCallServices(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	for _, subject := range events.ServiceSubjects() {
		sub, err := a.admin.NATS().Subscribe(subject, func(m *nats.Msg) { _ = m.Respond([]byte("done")) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = sub.Unsubscribe() })
	}
	if err := a.admin.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	for _, subject := range events.ServiceSubjects() {
		if subject == events.LeaseSubject {
			continue // it changes what others get; see TestAccess_AnonymousMayNotChangeAnything
		}
		m, err := a.anon.NATS().Request(subject, nil, patient)
		if err != nil || string(m.Data) != "done" {
			t.Errorf("call %s: %v", subject, err)
		}
	}
}

func TestAccess_AnonymousMaySubscribeToEvents(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	sub, err := a.anon.NATS().SubscribeSync("rosey.db.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.anon.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	if err := a.admin.NATS().Publish(events.ServiceSubjects()[0], []byte("a request")); err != nil {
		t.Fatal(err)
	}
	if _, err := a.stream.Append(t.Context(), streams.AppendMessage{Subject: "rosey.db.user.left", MsgID: "p-4"}); err != nil {
		t.Fatal(err)
	}
	// The request of somebody else went first and is not shown.
	if m, err := sub.NextMsg(patient); err != nil || m.Subject != "rosey.db.user.left" {
		t.Errorf("got %v, %v; want the event", m, err)
	}
}

// Every denial is checked twice: the client is told, and nothing happened.
func TestAccess_AnonymousMayNotChangeAnything(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	js, nc := a.anon.JetStream(), a.anon.NATS()
	const consumer = "projector-main"
	lease, err := a.admin.NATS().Subscribe(events.LeaseSubject, func(m *nats.Msg) { _ = m.Respond([]byte("[]")) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lease.Unsubscribe() })
	if err := a.admin.NATS().Flush(); err != nil {
		t.Fatal(err)
	}
	call := func(subject string, body string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := nc.RequestWithContext(ctx, subject, []byte(body))
			return err
		}
	}
	denied := map[string]func(context.Context) error{
		"publish an event": func(ctx context.Context) error {
			_, err := js.Publish(ctx, "rosey.db.message.log", []byte("{}"))
			return err
		},
		"publish an event of a channel": func(ctx context.Context) error {
			_, err := js.Publish(ctx, "rosey.db.message.log.ch", []byte("{}"))
			return err
		},
		"lease messages":         call(events.LeaseSubject, "{}"),
		"publish a mark":         call("rosey.db.messages.outbound.mark_sent", "{}"),
		"purge":                  call("$JS.API.STREAM.PURGE.ROSEY", ""),
		"delete a message":       call("$JS.API.STREAM.MSG.DELETE.ROSEY", `{"seq":1}`),
		"delete the stream":      call("$JS.API.STREAM.DELETE.ROSEY", ""),
		"update the stream":      call("$JS.API.STREAM.UPDATE.ROSEY", `{"name":"ROSEY","subjects":["x"]}`),
		"create a stream":        call("$JS.API.STREAM.CREATE.THEFT", `{"name":"THEFT","subjects":["rosey.db.query.>"]}`),
		"restore a stream":       call("$JS.API.STREAM.RESTORE.ROSEY", "{}"),
		"write to a bucket":      call("$KV.ROSEY_OUTBOUND.ch.1", "{}"),
		"look at a bucket":       call("$JS.API.STREAM.INFO.KV_ROSEY_OUTBOUND", ""),
		"read a bucket":          call("$JS.API.STREAM.MSG.GET.KV_ROSEY_OUTBOUND", `{"last_by_subj":"$KV.ROSEY_OUTBOUND.ch.1"}`),
		"read a bucket directly": call("$JS.API.DIRECT.GET.KV_ROSEY_OUTBOUND.$KV.ROSEY_OUTBOUND.ch.1", ""),
		"watch a bucket": call("$JS.API.CONSUMER.CREATE.KV_ROSEY_OUTBOUND.own",
			`{"stream_name":"KV_ROSEY_OUTBOUND","config":{"name":"own","ack_policy":"none"}}`),
		"purge a bucket":                call("$JS.API.STREAM.PURGE.KV_ROSEY_OUTBOUND", ""),
		"delete a bucket":               call("$JS.API.STREAM.DELETE.KV_ROSEY_OUTBOUND", ""),
		"beat for a bot":                call("$KV.ROSEY_BOTS.ch.p", "{}"),
		"pull outcomes":                 call("$JS.API.CONSUMER.MSG.NEXT.ROSEY."+streams.OutboundConsumer, ""),
		"delete the outcomes' consumer": call("$JS.API.CONSUMER.DELETE.ROSEY."+streams.OutboundConsumer, ""),
		"reset the outcomes' consumer":  call("$JS.API.CONSUMER.RESET.ROSEY."+streams.OutboundConsumer, `{"seq":3}`),
		"change the outcomes' consumer": call("$JS.API.CONSUMER.CREATE.ROSEY."+streams.OutboundConsumer,
			`{"stream_name":"ROSEY","config":{"name":"outbound","durable_name":"outbound","ack_policy":"explicit","filter_subject":"rosey.db.user.joined"}}`),
		"acknowledge outcomes":            call("$JS.ACK.ROSEY."+streams.OutboundConsumer+".1.3.3.1700000000000000000.0", "+ACK"),
		"reset the projector":             call("$JS.API.CONSUMER.RESET.ROSEY."+consumer, `{"seq":3}`),
		"pull the projector's messages":   call("$JS.API.CONSUMER.MSG.NEXT.ROSEY."+consumer, ""),
		"delete the projector's consumer": call("$JS.API.CONSUMER.DELETE.ROSEY."+consumer, ""),
		"pause the projector's consumer":  call("$JS.API.CONSUMER.PAUSE.ROSEY."+consumer, `{"pause_until":"2100-01-01T00:00:00Z"}`),
		"change the projector's consumer": call("$JS.API.CONSUMER.CREATE.ROSEY."+consumer,
			`{"stream_name":"ROSEY","config":{"name":"projector-main","durable_name":"projector-main","ack_policy":"all","max_deliver":1}}`),
		"change it with a filter": call("$JS.API.CONSUMER.CREATE.ROSEY."+consumer+".rosey.db.user.joined",
			`{"stream_name":"ROSEY","config":{"name":"projector-main","durable_name":"projector-main","ack_policy":"all","filter_subject":"rosey.db.user.joined"}}`),
		"change it the old way": call("$JS.API.CONSUMER.DURABLE.CREATE.ROSEY."+consumer,
			`{"stream_name":"ROSEY","config":{"durable_name":"projector-main","ack_policy":"all","max_deliver":1}}`),
		"change it the ephemeral way": call("$JS.API.CONSUMER.CREATE.ROSEY",
			`{"stream_name":"ROSEY","config":{"name":"projector-main","ack_policy":"all","max_deliver":1}}`),
		"acknowledge for the projector":            call("$JS.ACK.ROSEY."+consumer+".1.3.3.1700000000000000000.0", "+ACK"),
		"acknowledge for the projector, new style": call("$JS.ACK._.hash.ROSEY."+consumer+".1.3.3.1700000000000000000.0", "+ACK"),
		"step the stream's leader down":            call("$JS.API.STREAM.LEADER.STEPDOWN.ROSEY", ""),
		"answer somebody's request":                call("_INBOX.somebody.1", "fake"),
		"use the system":                           call("$SYS.REQ.SERVER.PING", ""),
	}
	var tries sync.WaitGroup
	for what, try := range denied {
		tries.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if err := try(ctx); err == nil {
				t.Errorf("an anonymous client could %s", what)
			}
		})
	}
	tries.Wait()
	// Whoever serves a subject that is not theirs would swallow requests.
	sub, err := nc.QueueSubscribeSync(events.ServiceSubjects()[0], "q")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := a.admin.NATS().Publish(events.ServiceSubjects()[0], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.NextMsg(200 * time.Millisecond); err == nil {
		t.Error("an anonymous client could serve a service subject")
	}

	state, err := a.stream.State(t.Context())
	if err != nil || state.LastSeq != 3 || state.Messages != 3 || state.Identity != a.stream.Identity() {
		t.Errorf("the stream changed: %+v, %v", state, err)
	}
	cons, err := a.admin.JetStream().Consumer(t.Context(), streams.StreamName, consumer)
	if err != nil {
		t.Fatalf("the projector's consumer: %v", err)
	}
	if info := cons.CachedInfo(); info.AckFloor.Stream != 0 || info.NumPending != 3 || info.Paused ||
		info.Config.MaxDeliver != -1 || info.Config.FilterSubject != "" {
		t.Errorf("the projector's consumer changed: %+v", info)
	}
	cons, err = a.admin.JetStream().Consumer(t.Context(), streams.StreamName, streams.OutboundConsumer)
	if err != nil {
		t.Fatalf("the outcomes' consumer: %v", err)
	}
	if info := cons.CachedInfo(); info.Config.FilterSubject != "" || len(info.Config.FilterSubjects) != 4 {
		t.Errorf("the outcomes' consumer changed: %+v", info)
	}
}

// A push consumer makes the server publish in the client's name; it must not
// reach what the client itself may not. Headers alone make an empty request, the
// kind that purges.
func TestAccess_AnonymousPushConsumerReachesNothingForbidden(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	bucket, err := a.admin.JetStream().CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "B"})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"$JS.API.STREAM.PURGE.ROSEY", "$JS.API.STREAM.DELETE.ROSEY", "rosey.db.message.log", "$KV.B.key"} {
		body := `{"stream_name":"ROSEY","config":{"name":"trick","ack_policy":"none","deliver_policy":"all","headers_only":true,"deliver_subject":"` + target + `"}}`
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := a.anon.NATS().RequestWithContext(ctx, "$JS.API.CONSUMER.CREATE.ROSEY.trick", []byte(body))
		cancel()
		if err != nil {
			continue
		}
		time.Sleep(100 * time.Millisecond) // nothing to wait for: something must not happen
		state, err := a.stream.State(t.Context())
		if err != nil || state.Messages != 3 || state.LastSeq != 3 {
			t.Errorf("deliver to %s: stream is %+v, %v", target, state, err)
		}
		if _, err := bucket.Get(t.Context(), "key"); !errors.Is(err, jetstream.ErrKeyNotFound) {
			t.Errorf("deliver to %s: the bucket's key: %v", target, err)
		}
		_ = a.admin.JetStream().DeleteConsumer(t.Context(), streams.StreamName, "trick")
	}
}

func TestAccess_DenialIsReportedAsOne(t *testing.T) {
	t.Parallel()
	a := newAccess(t, impatient)
	s, err := streams.Open(t.Context(), a.anon)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = s.Append(ctx, streams.AppendMessage{Subject: "rosey.db.message.log", MsgID: "x-1"})
	var denied *streams.PermissionError
	if !errors.As(err, &denied) || denied.Subject != "rosey.db.message.log" || !errors.Is(err, streams.ErrUnavailable) {
		t.Errorf("append: %v, want a permissions violation that names the subject", err)
	}
	if _, err := s.Consumer(t.Context(), "main", streams.ConsumerOptions{AckWait: time.Hour}); !errors.Is(err, streams.ErrPermission) {
		t.Errorf("consumer: %v, want ErrPermission", err)
	}
}

// What the program asks for itself is answered where nobody else can listen.
func TestAccess_AnonymousHearsNoAnswers(t *testing.T) {
	t.Parallel()
	a := newAccess(t, patient)
	nc := a.anon.NATS()
	inboxes, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	private, err := nc.SubscribeSync("_INBOX_ROSEY.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := a.stream.Get(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []*nats.Subscription{inboxes, private} {
		if m, err := sub.NextMsg(200 * time.Millisecond); err == nil {
			t.Errorf("an anonymous client heard %d bytes of an answer on %s", len(m.Data), m.Subject)
		}
	}
}
