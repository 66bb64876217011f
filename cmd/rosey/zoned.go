package main

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// withZone are RFC 3339, what date(1) prints as ISO 8601, as RFC 3339 and as RFC 1123,
// what git(1) prints, and what date(1) prints of itself in UTC.
var withZone = []string{
	time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z0700", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
	"2006-01-02 15:04:05 Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02 15:04 Z07:00", "2006-01-02 15:04 Z0700",
	"2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05 GMT", "2006-01-02 15:04 UTC", "2006-01-02 15:04 GMT",
	"Mon, _2 Jan 2006 15:04:05 Z0700", "Mon, _2 Jan 2006 15:04:05 UTC", "Mon, _2 Jan 2006 15:04:05 GMT",
	"Mon Jan _2 15:04:05 UTC 2006", "Mon Jan _2 15:04:05 GMT 2006", "Mon Jan _2 03:04:05 PM UTC 2006", "Mon Jan _2 03:04:05 PM GMT 2006",
}

// zonedExamples are for those who gave something else.
const zonedExamples = "2026-04-01T18:00:00Z, 2026-04-01 20:00:00 +02:00"

var (
	errNoTime   = errors.New("it is no time with a zone")
	errZoneName = errors.New("the name of a zone may mean several")
)

// zoneName finds the name of a zone behind a time of day.
var zoneName = regexp.MustCompile(`:\d\d(?:\.\d+)?(?: [AP]M)? ?([A-Z]{2,5}|[A-Za-z]+/[A-Za-z_/]+)(?: \d{4})?$`)

// parseZoned reads a time with its zone, in any of the layouts. The zone is a number
// or UTC: the error is errZoneName for any other name.
func parseZoned(text string) (time.Time, error) {
	for _, layout := range withZone {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	if m := zoneName.FindStringSubmatch(text); m != nil && m[1] != "UTC" && m[1] != "GMT" && m[1] != "AM" && m[1] != "PM" {
		return time.Time{}, fmt.Errorf("%q: %w, and %s is one: give it as a number, or the time in UTC, such as %s", text, errZoneName, m[1], zonedExamples)
	}
	return time.Time{}, errNoTime
}
