package service_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"rosey/internal/suite"
	"rosey/streams"
	"rosey/streams/service"
	"rosey/streams/streamstest"
)

// A fault of one request is told to its caller as what it is, and to the log
// without what was asked; the others go on.
func TestService_AHandlerThatPanicsOrFails(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	var log suite.Output
	s, err := service.New(service.Config{
		Conn: env.Conn, Name: "test", Version: "yesterday", Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Endpoints: []service.Endpoint{
			service.NewEndpoint(service.Declaration{Name: "echo", Subject: "rosey.db.query.status", Limit: 1},
				func(_ context.Context, r askedFor) (answered, error) {
					switch {
					case r.Name == "well":
						return answered{}, nil
					case r.Deep:
						return answered{}, errors.New("a disk that is broken")
					}
					panic("what " + r.Name + " asked")
				}),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{`{"name":"secret"}`, `{"name":"secret","deep":true}`} {
		m := request(t, env.Conn, "rosey.db.query.status", body)
		if want := `{"success":false,"error":{"code":"internal","message":"internal error"}}`; string(m.Data) != want {
			t.Errorf("got %s, want %s", m.Data, want)
		}
	}
	// The only slot is given back.
	if _, err := service.Call[answered](t.Context(), env.Conn, "rosey.db.query.status", askedFor{Name: "well", Limit: 1, Sort: "up"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	text := log.String()
	if strings.Contains(text, "secret") || !strings.Contains(text, "a disk that is broken") || !strings.Contains(text, "panic_test.go") {
		t.Errorf("the log:\n%s", text)
	}
}

// A service needs no server to begin or to end.
func TestService_WithoutItsServer(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream(), streamstest.WithPort())
	conn, err := streams.Connect(t.Context(), streams.Config{URLs: []string{"nats://127.0.0.1:1"}, WaitForServer: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	early := serve(t, conn, echo(service.Declaration{}))
	if err := early.Stop(t.Context()); err != nil {
		t.Errorf("one that never had a server: %v", err)
	}
	s := serve(t, env.Conn, echo(service.Declaration{}))
	if err := env.Server.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("one whose server has ended: %v", err)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("once more: %v", err)
	}
}

func TestConfig_Validate(t *testing.T) {
	t.Parallel()
	env := streamstest.New(t, streamstest.WithoutStream())
	e := echo(service.Declaration{})
	for name, c := range map[string]service.Config{
		"no connection": {Name: "test", Endpoints: []service.Endpoint{e}},
		"no name":       {Conn: env.Conn, Endpoints: []service.Endpoint{e}},
		"no endpoint":   {Conn: env.Conn, Name: "test"},
		"no function":   {Conn: env.Conn, Name: "test", Endpoints: []service.Endpoint{{}}},
		"one twice":     {Conn: env.Conn, Name: "test", Endpoints: []service.Endpoint{e, e}},
		"a bad name":    {Conn: env.Conn, Name: "a name", Endpoints: []service.Endpoint{e}},
	} {
		if s, err := service.New(c); err == nil {
			t.Errorf("%s is accepted", name)
			_ = s.Stop(t.Context())
		}
	}
}

func TestSemVer(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v1.2.3": "1.2.3", "1.2.3-rc.1+abc": "1.2.3-rc.1+abc", "": "0.0.0", "(devel)": "0.0.0", "1.2": "0.0.0", "01.2.3": "0.0.0",
	} {
		if got := service.SemVer(version); got != want {
			t.Errorf("%q: got %s, want %s", version, got, want)
		}
	}
}
