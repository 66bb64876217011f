package projector

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rosey/streams"
)

// place is the right to use one consumer. A second projector on it would take
// messages from the first; proving the order would stop one of the two, and not
// always the one that came second.
type place struct {
	stream   *streams.Stream
	consumer string
	key      string
	holder   string
	log      *slog.Logger

	mu    sync.Mutex
	lease *streams.Lease // nil where it could not be asked for
}

// takePlace takes the place of the projector's instance. It is refused where
// another database's projector has it. Where nobody can be asked the projector
// goes on: the order of what is delivered is proven all the same. The caller
// holds the database's lock.
func takePlace(ctx context.Context, cfg *Config) (*place, error) {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	link, err := filepath.Abs(cfg.Store.Link)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	consumer, err := streams.ConsumerName(cfg.Instance)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	id, err := databaseID(link + idSuffix)
	if err != nil {
		return nil, fmt.Errorf("projector: %w", err)
	}
	// The same database has the same holder: what a killed process held is taken
	// over at once, because the database's lock shows that it is gone. Host and
	// path tell a copy of the database from it; the id tells another database on a
	// cloned host, such as in a container.
	p := &place{
		stream: cfg.Stream, consumer: consumer, key: streams.ProjectorLease(cfg.Instance),
		holder: host + ":" + link + "#" + id, log: cfg.Logger,
	}
	if err := p.acquire(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// acquire asks for the lease. The error is a *StartError where another has it.
func (p *place) acquire(ctx context.Context) error {
	var err error
	p.lease, err = p.stream.Acquire(ctx, p.key, p.holder, "")
	var held *streams.LeaseHeldError
	switch {
	case errors.As(err, &held):
		return &StartError{
			Reason: ErrPlaceTaken,
			Detail: fmt.Sprintf("consumer %s belongs to %s", p.consumer, held.Holder),
			Remedy: "give this projector a name of its own with --instance NAME, or stop the other one first",
		}
	case err != nil:
		p.log.Debug("the projector's place cannot be asked for", "consumer", p.consumer, "err", err)
	}
	return nil
}

// keep holds the place until the context ends. The error is a *StartError where
// another took it, which happens to a projector that was cut off for long.
func (p *place) keep(ctx context.Context) error {
	tick := time.NewTicker(streams.LeaseTTL / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := p.hold(ctx); err != nil {
			return err
		}
	}
}

// hold extends the lease, or asks for it again. The error is a *StartError where
// another has it.
func (p *place) hold(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lease != nil && p.lease.Renew(ctx) == nil {
		return nil
	}
	return p.acquire(ctx)
}

// releaseLimit bounds a courtesy: without it the place is free a little later.
const releaseLimit = time.Second

func (p *place) release() {
	if p == nil || p.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseLimit)
	defer cancel()
	if err := p.lease.Release(ctx); err != nil {
		p.log.Debug("the projector's place was not given back", "err", err)
	}
	p.lease = nil
}

// idSuffix names the file beside the database that holds its identity. It stays
// while generations come and go.
const idSuffix = ".id"

// databaseID returns the database's random identity, which is made once.
func databaseID(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the database's identity: %w", err)
	}
	if id := strings.TrimSpace(string(text)); id != "" {
		return id, nil
	}
	id := rand.Text()
	if err := writeID(path, id); err != nil {
		return "", fmt.Errorf("write the database's identity: %w", err)
	}
	return id, nil
}

// writeID puts the identity in place whole: a crash leaves none or all of it.
func writeID(path, id string) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(id + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, path)
}
