package obs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Config says what a Server shows, and where.
type Config struct {
	// Port on 127.0.0.1; 0 takes any free one.
	Port int
	// Sources are what is shown.
	Sources Sources
	// Now is the clock. Default: time.Now.
	Now func() time.Time
	// Logger receives what goes wrong while serving. Default: none.
	Logger *slog.Logger
}

// Server serves /metrics, /healthz and /readyz.
type Server struct {
	http *http.Server
	url  string
	done chan error
}

// Start begins to serve. Close ends it.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	log := cfg.Logger.With("component", "obs")
	registry := prometheus.NewRegistry()
	if err := registry.Register(&collector{src: cfg.Sources, now: cfg.Now}); err != nil {
		return nil, fmt.Errorf("obs: register metrics: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("obs: listen for metrics: %w", err)
	}
	ready := &checker{src: cfg.Sources, now: cfg.Now}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		answer(w, ready.check(r.Context()))
	})
	s := &Server{
		http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)},
		url:  "http://" + l.Addr().String(),
		done: make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(l) }()
	return s, nil
}

func answer(w http.ResponseWriter, r Readiness) {
	w.Header().Set("Content-Type", "application/json")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(r) // whoever asked has gone
}

// URL is where it serves, such as http://127.0.0.1:9464.
func (s *Server) URL() string { return s.url }

// closeLimit bounds how long a scrape may hold up the end.
const closeLimit = time.Second

// Close ends the server.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	if served := <-s.done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	if err != nil {
		return fmt.Errorf("obs: close: %w", err)
	}
	return nil
}
