package streams

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Lease keys begin with what they are for.
const (
	recorderLeases  = "recorder."
	projectorLeases = "projector."
)

// ProjectorLease is the key of the right to use the consumer of a projector's
// instance.
func ProjectorLease(instance string) string { return projectorLeases + instance }

// LeaseHolder returns who holds a lease now, empty for nobody. It takes nothing.
func (s *Stream) LeaseHolder(ctx context.Context, key string) (string, error) {
	ctx, req := s.c.call(ctx)
	defer req.end()
	kv, err := s.c.js.KeyValue(ctx, leaseBucket)
	if err != nil {
		return "", fmt.Errorf("streams: look at lease %s: %w", key, req.explain(err))
	}
	entry, err := kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("streams: look at lease %s: %w", key, req.explain(err))
	}
	var v leaseValue
	if err := json.Unmarshal(entry.Value(), &v); err != nil {
		return "", fmt.Errorf("streams: look at lease %s: %w", key, err)
	}
	return v.Holder, nil
}

// Recorders returns the producers that hold the right to record a channel now.
func (s *Stream) Recorders(ctx context.Context) ([]string, error) {
	lctx, req := s.c.call(ctx)
	defer req.end()
	kv, err := s.c.js.KeyValue(lctx, leaseBucket)
	if err != nil {
		return nil, fmt.Errorf("streams: look for recorders: %w", req.explain(err))
	}
	keys, err := kv.Keys(lctx)
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("streams: look for recorders: %w", req.explain(err))
	}
	var list []string
	for _, key := range keys {
		if !strings.HasPrefix(key, recorderLeases) {
			continue
		}
		holder, err := s.LeaseHolder(ctx, key)
		if err != nil {
			return nil, err
		}
		if holder != "" {
			list = append(list, holder)
		}
	}
	return list, nil
}
