package service_test

import (
	"context"
	"testing"
	"time"

	"rosey/streams/service"
	"rosey/streams/streamstest"
)

func TestFind_EveryInstanceAndNoOther(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t)
	start := func(name string) {
		s, err := service.New(service.Config{Conn: env.Connect(t), Name: name, Version: "1.2.3", Endpoints: []service.Endpoint{
			service.NewEndpoint(service.Declaration{Name: "one", Subject: "test.one"}, func(context.Context, struct{}) (int, error) { return 1, nil }),
		}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	if got, err := service.Find(t.Context(), env.Conn, "rosey-test"); err != nil || len(got) != 0 {
		t.Errorf("with none: got %v, %v", got, err)
	}
	start("rosey-test")
	start("rosey-test")
	start("rosey-other")
	got, err := service.Find(t.Context(), env.Conn, "rosey-test")
	// Nobody waits for ever for a second that may not exist.
	for end := time.Now().Add(2 * time.Minute); err == nil && len(got) < 2 && time.Now().Before(end); {
		got, err = service.Find(t.Context(), env.Conn, "rosey-test")
	}
	if err != nil || len(got) != 2 || got[0].ID == got[1].ID || got[0].Version != "1.2.3" || got[1].Name != "rosey-test" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestFind_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := service.Find(ctx, streamstest.New(t).Conn, "rosey-test"); err == nil {
		t.Errorf("got %v without an error", got)
	}
}
