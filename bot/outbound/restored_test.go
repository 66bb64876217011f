package outbound_test

import (
	"bytes"
	"testing"

	"rosey/bot/outbound"
	"rosey/events"
	"rosey/streams"
	"rosey/streams/streamstest"
)

// restoreBucket copies the bucket of one installation into another, which has no
// stream yet.
func restoreBucket(t *testing.T, from, to *streams.Conn) {
	t.Helper()
	var b bytes.Buffer
	s, err := from.Snapshot(t.Context(), "KV_"+streams.OutboundBucket, &b, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := to.Restore(t.Context(), s, &b, streams.RestoreOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestHoldRestored_WhatWaitedIsHeldUntilThePersonOrTheStreamSaysMore(t *testing.T) {
	t.Parallel()
	from := streamstest.New(t)
	q := open(t, from, outbound.QueueConfig{})
	queued, sent := enqueue(t, q, outbound.Request{Text: "one"}), enqueue(t, q, outbound.Request{Text: "two"})
	claimed, err := q.Claim(t.Context(), enqueue(t, q, outbound.Request{Text: "three"}), "p")
	if err != nil {
		t.Fatal(err)
	}
	sending, err := q.Claim(t.Context(), enqueue(t, q, outbound.Request{Text: "four"}), "p")
	if err != nil {
		t.Fatal(err)
	}
	sending = move(t, q, sending, outbound.Sending)
	cancelled, err := q.Cancel(t.Context(), "lounge", enqueue(t, q, outbound.Request{Text: "five"}).ID)
	if err != nil {
		t.Fatal(err)
	}

	to := streamstest.New(t, streamstest.WithoutStream())
	restoreBucket(t, from.Conn, to.Conn)
	if held, err := outbound.HoldRestored(t.Context(), to.Conn); err != nil || held != 3 {
		t.Fatalf("%d held, %v", held, err)
	}
	if to.Stream, _, err = streams.Setup(t.Context(), to.Conn, streams.StreamOptions{}); err != nil {
		t.Fatal(err)
	}
	// The restored stream says that one of them was sent.
	data, err := events.Encode(&events.Event{
		Kind: events.KindMarkSent, Channel: "lounge", ID: "p-7", TimeMS: sent.QueuedMS + 1,
		Payload: &events.OutboundMark{MessageID: sent.ID, QueuedMS: sent.QueuedMS, SentMS: sent.QueuedMS + 1, Attempts: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	to.Append(t, streams.AppendMessage{Subject: events.Subject(events.KindMarkSent), MsgID: "p-7", Data: data})
	if settled, err := outbound.SettleRestored(t.Context(), to.Stream); err != nil || settled != 1 {
		t.Errorf("%d settled, %v", settled, err)
	}
	restored := open(t, to, outbound.QueueConfig{})
	for _, c := range []struct {
		m      outbound.Message
		state  outbound.State
		reason string
	}{
		{queued, outbound.Unknown, outbound.ReasonRestored},
		{claimed, outbound.Unknown, outbound.ReasonRestored},
		{sent, outbound.Sent, ""},
		{sending, outbound.Sending, ""},
		{cancelled, outbound.Cancelled, ""},
	} {
		m, err := restored.Get(t.Context(), "lounge", c.m.ID)
		if err != nil || m.State != c.state || m.Reason != c.reason || m.Text != c.m.Text {
			t.Errorf("%q is %s, %q; %v; want %s, %q", c.m.Text, m.State, m.Reason, err, c.state, c.reason)
		}
	}
	if m, err := restored.Retry(t.Context(), "lounge", queued.ID); err != nil || m.State != outbound.Queued {
		t.Errorf("after a person's retry it is %s, %v", m.State, err)
	}
	if settled, err := outbound.SettleRestored(t.Context(), to.Stream); err != nil || settled != 0 {
		t.Errorf("again: %d settled, %v", settled, err)
	}
}
