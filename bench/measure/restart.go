package measure

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"rosey/schema"
)

// Restart measures a projector that comes back: with nothing to do, and with so
// many events behind. The time begins before the tables are opened and ends when
// they hold everything.
func Restart(ctx context.Context, dir string, before, behind int) (_ Result, err error) {
	h, err := NewHistory(ctx, dir, before)
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	store := schema.Store{Link: filepath.Join(dir, "rosey.db")}
	if _, err := h.project(ctx, store); err != nil {
		return Result{}, err
	}
	begin := time.Now()
	if _, err := h.project(ctx, store); err != nil {
		return Result{}, err
	}
	nothing := time.Since(begin)
	if err := h.grow(ctx, behind); err != nil {
		return Result{}, err
	}
	begin = time.Now()
	if _, err := h.project(ctx, store); err != nil {
		return Result{}, err
	}
	took := time.Since(begin)
	return Result{Metrics: []Metric{
		{"nothing-to-do-ms", milliseconds(nothing)},
		{"catch-up-s", took.Seconds()},
		{"events/s", rate(behind, took)},
	}}, nil
}
