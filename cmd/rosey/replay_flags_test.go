package main

import (
	"strings"
	"testing"
	"time"
)

func TestInstant_AsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-11-22":                     time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		"2026-11-22 18:00":               time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:07":            time.Date(2026, 11, 22, 18, 0, 7, 0, time.UTC),
		"2026-11-22T18:00:00+02:00":      time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC),
		"2026-11-22 18:00:00+02:00":      time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:00-0330":       time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC),
		"2026-11-22 18:00:00.5Z":         time.Date(2026, 11, 22, 18, 0, 0, 500_000_000, time.UTC),
		"2026-11-22 18:00Z":              time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:00.123456789Z": time.Date(2026, 11, 22, 18, 0, 0, 123456789, time.UTC),
	} {
		var i instant
		if err := i.UnmarshalText([]byte(text)); err != nil || !i.Equal(want) {
			t.Errorf("%s: %v, %v, want %v", text, i.Time, err, want)
		}
	}
	for _, text := range []string{"", "22.11.2026", "2026-11-31", "18:00", "2026-11-22 25:00", "yesterday", "1795334440", "2026-11-22 18:00 CET", "2026-11-22 18:00 Europe/Berlin"} {
		var i instant
		if err := i.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "2026-04-01T18:00:00Z") || strings.Contains(err.Error(), "cannot parse") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
