package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// instant is a moment as a person writes it. Without a zone it is UTC, as in
// every result.
type instant struct{ time.Time }

// withoutZone are a day with or without a time of it.
var withoutZone = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly}

// UnmarshalText reads a time with a zone, or without one.
func (i *instant) UnmarshalText(text []byte) (err error) {
	if i.Time, err = parseZoned(string(text)); err == nil {
		return nil
	}
	if errors.Is(err, errZoneName) {
		return err
	}
	for _, layout := range withoutZone {
		if i.Time, err = time.Parse(layout, string(text)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%q is no time: give one such as %s, 2026-04-01 18:00 (UTC), or 2026-04-01 for the first moment of that day", text, zonedExamples)
}

// position is a sequence of the stream. The first is 1: a 0 would be taken for
// none.
type position uint64

// UnmarshalText reads a number from 1 on.
func (p *position) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil || n == 0 {
		return fmt.Errorf("%q is no sequence of the stream: give a number from 1 on", text)
	}
	*p = position(n)
	return nil
}

// kept is how many databases stay, the current one among them.
type kept int

// UnmarshalText reads a number from 1 on.
func (k *kept) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 1 {
		return fmt.Errorf("%q databases cannot be kept: give a number from 1 on; the current one counts", text)
	}
	*k = kept(n)
	return nil
}

// named is a name that has to be there where the flag is: an empty one is a
// variable of a script that was not set, and would stand for no limit.
type named string

// UnmarshalText refuses the empty name.
func (n *named) UnmarshalText(text []byte) error {
	if strings.TrimSpace(string(text)) == "" {
		return errors.New("a name is missing: leave the flag out for all")
	}
	*n = named(text)
	return nil
}
