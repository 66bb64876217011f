package obs_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"rosey/bot/outbound"
	"rosey/internal/obs"
	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"
)

// show serves sources and returns what a scrape says of them.
func show(t *testing.T, src obs.Sources) string {
	t.Helper()
	s, err := obs.Start(t.Context(), obs.Config{Sources: src})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_, body := ask(t, s, "/metrics")
	return body
}

func wantLines(t *testing.T, body string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains("\n"+body, "\n"+l+"\n") {
			t.Errorf("the metrics do not hold %s:\n%s", l, body)
		}
	}
}

func TestMetrics_OfTheSender(t *testing.T) {
	t.Parallel()
	stats := outbound.NewStats()
	src := obs.Sources{Outbound: stats.Read}
	wantLines(t, show(t, src), `rosey_outbound_lines_total 0`, `rosey_outbound_finished_total{reason="",state="sent"} 0`,
		`rosey_outbound_finished_total{reason="no_echo",state="unknown"} 0`, `rosey_outbound_retries_total{reason="flood"} 0`, `rosey_outbound_wait_seconds_count 0`)
	stats.Written(3*time.Millisecond, true)
	stats.Echoed(20 * time.Millisecond)
	stats.Echoed(time.Hour)
	stats.Retried(outbound.ReasonFlood)
	stats.Finished(outbound.Sent, "")
	stats.Finished(outbound.Failed, "<script>")
	wantLines(t, show(t, src), `rosey_outbound_lines_total 1`, `rosey_outbound_finished_total{reason="",state="sent"} 1`,
		`rosey_outbound_finished_total{reason="other",state="failed"} 1`, `rosey_outbound_retries_total{reason="flood"} 1`,
		`rosey_outbound_wait_seconds_bucket{le="0.002"} 0`, `rosey_outbound_wait_seconds_bucket{le="0.005"} 1`, `rosey_outbound_wait_seconds_sum 0.003`,
		`rosey_outbound_echo_seconds_bucket{le="0.025"} 1`, `rosey_outbound_echo_seconds_bucket{le="10"} 1`, `rosey_outbound_echo_seconds_bucket{le="+Inf"} 2`)
}

func TestMetrics_OfServices(t *testing.T) {
	t.Parallel()
	ts := streamstest.New(t)
	type question struct {
		Fail bool `json:"fail"`
	}
	s, err := service.New(service.Config{Conn: ts.Conn, Name: "rosey-test", Endpoints: []service.Endpoint{
		service.NewEndpoint(service.Declaration{Name: "one", Subject: "test.one"}, func(_ context.Context, q question) (int, error) {
			if q.Fail {
				return 0, service.Errorf(service.NotFound, "nobody")
			}
			return 1, nil
		}),
		service.NewEndpoint(service.Declaration{Name: "two", Subject: "test.two"}, func(context.Context, question) (int, error) { return 2, nil }),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	for _, fail := range []bool{false, true, true} {
		if _, err := service.Call[int](t.Context(), ts.Conn, "test.one", question{fail}); (err != nil) != fail {
			t.Fatal(err)
		}
	}
	// Who has the answer may be ahead of who gave it.
	suite.Eventually(t, "nothing is at work", func() bool { return s.EveryCount()["one"].AtWork == 0 })
	wantLines(t, show(t, obs.Sources{Services: []func() map[string]service.Counts{s.EveryCount}}),
		`rosey_service_requests_total{endpoint="one"} 3`, `rosey_service_requests_total{endpoint="two"} 0`,
		`rosey_service_errors_total{code="not_found",endpoint="one"} 2`, `rosey_service_errors_total{code="internal",endpoint="one"} 0`,
		`rosey_service_requests_at_work{endpoint="one"} 0`,
		`rosey_service_request_seconds_count{endpoint="one"} 3`, `rosey_service_request_seconds_bucket{endpoint="one",le="30"} 3`)
}

func TestMetrics_OfTheQueueAndTheBots(t *testing.T) {
	t.Parallel()
	s := streamstest.New(t).Stream
	q, err := outbound.OpenQueue(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"one", "two", "three"} {
		m, _, err := q.Enqueue(t.Context(), outbound.Request{Channel: "tv", Text: text})
		if err == nil && i == 0 {
			_, err = q.Cancel(t.Context(), "tv", m.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	streamstest.Beat(t, s, streams.Heartbeat{Channel: "tv", Producer: "p"})
	body := show(t, obs.Sources{
		Bots:  s.Bots,
		Queue: obs.QueueStates(func(context.Context) (*outbound.Queue, error) { return q, nil }),
	})
	wantLines(t, body, `rosey_bots_alive 1`, `rosey_outbound_messages{state="queued"} 2`, `rosey_outbound_messages{state="cancelled"} 1`,
		`rosey_outbound_messages{state="sending"} 0`, `rosey_outbound_messages{state="unknown"} 0`)
	if strings.Contains(body, "three") {
		t.Errorf("a text is shown:\n%s", body)
	}
}

// What cannot be asked has no numbers, and is not asked at every scrape.
func TestMetrics_AQueueThatIsNotThere(t *testing.T) {
	t.Parallel()
	asked := 0
	states := obs.QueueStates(func(context.Context) (*outbound.Queue, error) {
		asked++
		return nil, streams.ErrNoBucket
	})
	body := show(t, obs.Sources{Queue: states, Bots: func(context.Context) ([]streams.Heartbeat, error) { return nil, streams.ErrNoBucket }})
	if strings.Contains(body, "rosey_outbound") || strings.Contains(body, "rosey_bots_alive") {
		t.Errorf("got %s", body)
	}
	if _, err := states(t.Context()); !errors.Is(err, streams.ErrNoBucket) || asked != 1 {
		t.Errorf("got %v, asked %d times", err, asked)
	}
}
