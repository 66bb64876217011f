package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"rosey/bench"
)

// measurement is one line of the list: a name, and what it runs how often.
type measurement struct {
	name string
	run  func(ctx context.Context, dir string, runs int) ([]bench.Result, error)
}

func measurements(events int) []measurement {
	return []measurement{
		{"append/sync", fresh(func(ctx context.Context, dir string) (bench.Result, error) { return bench.Append(ctx, dir, 1, 5000) })},
		{"append/batch=100", fresh(func(ctx context.Context, dir string) (bench.Result, error) {
			return bench.Append(ctx, dir, 100, 50_000)
		})},
		{"append/batch=1000", fresh(func(ctx context.Context, dir string) (bench.Result, error) {
			return bench.Append(ctx, dir, 1000, 200_000)
		})},
		{"drain", fresh(func(ctx context.Context, dir string) (bench.Result, error) { return bench.Drain(ctx, dir, 100_000) })},
		{"live", history(200_000, (*bench.History).Live)},
		{fmt.Sprintf("replay/events=%d", events), history(events, (*bench.History).Rebuild)},
		{"queries", history(200_000, func(h *bench.History, ctx context.Context) (bench.Result, error) { return h.Queries(ctx, 30) })},
		{"speak", fresh(func(ctx context.Context, dir string) (bench.Result, error) {
			return bench.Speak(ctx, dir, 200, 100*time.Millisecond)
		})},
		{"frame-to-row/rate=100", fresh(func(ctx context.Context, dir string) (bench.Result, error) {
			return bench.FrameToRow(ctx, dir, 100, 1000)
		})},
		{"frame-to-row/rate=1000", fresh(func(ctx context.Context, dir string) (bench.Result, error) {
			return bench.FrameToRow(ctx, dir, 1000, 10_000)
		})},
	}
}

// target is what a figure has to reach.
type target struct {
	name, unit string
	least      float64
	most       float64
}

var targets = []target{
	{name: "drain", unit: "events/s", least: 20_000},
	{name: "live", unit: "live/sqlite", least: 0.9},
	{name: "replay", unit: "rebuild/sqlite", least: 0.9},
	{name: "replay", unit: "rebuild/naive", least: 25},
	{name: "replay", unit: "peak-rss-MB", most: 300},
	{name: "replay", unit: "stream-disk-bytes/event", most: 150},
	{name: "queries", unit: "spread-p50-ms", most: 5},
	{name: "queries", unit: "spread-p99-ms", most: 50},
	{name: "speak", unit: "wire-p50-ms", most: 5},
	{name: "frame-to-row/rate=100", unit: "p50-ms", most: 3},
	{name: "frame-to-row/rate=100", unit: "p99-ms", most: 10},
	{name: "frame-to-row/rate=1000", unit: "p99-ms", most: 25},
}

// fresh runs a measurement in a new folder each time.
func fresh(one func(context.Context, string) (bench.Result, error)) func(context.Context, string, int) ([]bench.Result, error) {
	return func(ctx context.Context, dir string, runs int) ([]bench.Result, error) {
		var list []bench.Result
		for i := range runs {
			own := filepath.Join(dir, strconv.Itoa(i))
			if err := os.Mkdir(own, 0o700); err != nil {
				return nil, err
			}
			res, err := one(ctx, own)
			if err = errors.Join(err, os.RemoveAll(own)); err != nil {
				return nil, err
			}
			list = append(list, res)
		}
		return list, nil
	}
}

// history runs a measurement again and again on one stream.
func history(events int, one func(*bench.History, context.Context) (bench.Result, error)) func(context.Context, string, int) ([]bench.Result, error) {
	return func(ctx context.Context, dir string, runs int) (list []bench.Result, err error) {
		h, err := bench.NewHistory(ctx, dir, events)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, h.Close()) }()
		for range runs {
			res, err := one(h, ctx)
			if err != nil {
				return nil, err
			}
			list = append(list, res)
		}
		return list, nil
	}
}
