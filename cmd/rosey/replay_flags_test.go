package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestInstant_AsPeopleWriteIt(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-11-22":                      time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		"2026-11-22 18:00":                time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:07":             time.Date(2026, 11, 22, 18, 0, 7, 0, time.UTC),
		"2026-11-22T18:00:00+02:00":       time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC),
		"2026-11-22 18:00:00+02:00":       time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:00-0330":        time.Date(2026, 11, 22, 21, 30, 0, 0, time.UTC),
		"2026-11-22 18:00:00.5Z":          time.Date(2026, 11, 22, 18, 0, 0, 500_000_000, time.UTC),
		"2026-11-22 18:00Z":               time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
		"Sun Nov 22 18:00:07 UTC 2026":    time.Date(2026, 11, 22, 18, 0, 7, 0, time.UTC),
		"Sun Nov 22 06:00:07 PM UTC 2026": time.Date(2026, 11, 22, 18, 0, 7, 0, time.UTC),
		"Sun Nov  1 18:00:07 GMT 2026":    time.Date(2026, 11, 1, 18, 0, 7, 0, time.UTC),
		"Sun, 22 Nov 2026 18:00:07 +0200": time.Date(2026, 11, 22, 16, 0, 7, 0, time.UTC),
		"Sun, 01 Nov 2026 18:00:07 GMT":   time.Date(2026, 11, 1, 18, 0, 7, 0, time.UTC),
		"2026-11-22 18:00:07 +0200":       time.Date(2026, 11, 22, 16, 0, 7, 0, time.UTC),
		"2026-11-22 18:00:07 +02:00":      time.Date(2026, 11, 22, 16, 0, 7, 0, time.UTC),
		"2026-11-22 18:00 UTC":            time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC),
		"2026-11-22T18:00:00.123456789Z":  time.Date(2026, 11, 22, 18, 0, 0, 123456789, time.UTC),
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

func TestInstant_RefusesNamesOfZones(t *testing.T) {
	t.Parallel()
	for text, zone := range map[string]string{
		"Sun Nov 22 08:53:07 CET 2026": "CET", "Sun Nov 22 08:53:07 AM IST 2026": "IST", "Sun, 22 Nov 2026 08:53:07 EST": "EST",
		"2026-11-22 18:00 CET": "CET", "2026-11-22 18:00:07 Europe/Berlin": "Europe/Berlin",
	} {
		var i instant
		var m moments
		_, ofSend := parseClock(text, time.Now())
		for name, err := range map[string]error{"--until-time": i.UnmarshalText([]byte(text)), "--since": m.UnmarshalText([]byte(text)), "--at": ofSend} {
			if err == nil || !strings.Contains(err.Error(), "may mean several, and "+zone+" is one") || !strings.Contains(err.Error(), zonedExamples) {
				t.Errorf("%s %q: %v", name, text, err)
			}
		}
	}
}

func TestMoments_AsOtherProgramsPrintThem(t *testing.T) {
	t.Parallel()
	want := time.Date(2999, 11, 22, 8, 53, 7, 0, time.UTC)
	for _, text := range []string{"Fri Nov 22 08:53:07 UTC 2999", "Fri, 22 Nov 2999 10:53:07 +0200", "2999-11-22 10:53:07 +02:00", "2999-11-22 10:53:07 +0200", "2999-11-22T08:53:07Z"} {
		var m moments
		if err := m.UnmarshalText([]byte(text)); err != nil || !m.at.Equal(want) {
			t.Errorf("--since %q: %v, %v", text, m.at, err)
		}
		if at, err := parseClock(text, time.Now()); err != nil || !at.Equal(want) {
			t.Errorf("--at %q: %v, %v", text, at, err)
		}
	}
}

// What an operator mistypes in a limit is refused in plain words, before anything is
// looked at.
func TestReplay_LimitsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var said strings.Builder
	for _, args := range [][]string{
		{"--until-seq", "-1"}, {"--until-seq=-1"}, {"--until-seq", "0"}, {"--until-seq", "x"}, {"--until-seq", "1.5"}, {"--until-seq", "99999999999999999999"}, {"--until-seq"},
		{"--until-time", "garbage"}, {"--until-time="}, {"--until-time", "2026-02-30"},
		{"--keep", "-1"}, {"--keep=-1"}, {"--keep", "0"}, {"--keep", "x"}, {"--keep", "99999999999999999999"},
		{"--channel="}, {"--channel", " "}, {"--differences", "-1"},
	} {
		r := rosey(t, append([]string{"replay", "--into", "x.db", "--data", data}, args...)...)
		if r.code != exitUsage || r.out != "" {
			t.Errorf("%q: exit %d, %q", args, r.code, r.out)
		}
		fmt.Fprintf(&said, "$ rosey replay --into x.db %s\n%s", strings.Join(args, " "), r.err)
	}
	golden(t, "replay_limits.txt", said.String())
}
