package crashpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The environment variables that a program built for it reads.
const (
	// Env names the point, and after a colon the arrival at which the process ends.
	Env = "ROSEY_CRASHPOINT"
	// EnvFired names the file that gets a line when the point ends the process.
	EnvFired = "ROSEY_CRASHPOINT_FIRED"
)

// Tag is the build tag that makes the points real.
const Tag = "crashpoints"

// Point is one arrival at a named point.
type Point struct {
	Name    string
	Arrival int // from 1
}

// String is the form that Parse reads.
func (p Point) String() string { return p.Name + ":" + strconv.Itoa(p.Arrival) }

// Parse reads "name" or "name:n". The name must be one of the known ones.
func Parse(text string, known []string) (Point, error) {
	name, arrival, given := strings.Cut(text, ":")
	p := Point{Name: name, Arrival: 1}
	if given {
		n, err := strconv.Atoi(arrival)
		if err != nil || n < 1 {
			return Point{}, fmt.Errorf("crashpoint: %q: the arrival must be a number from 1", text)
		}
		p.Arrival = n
	}
	if !slices.Contains(known, name) {
		return Point{}, fmt.Errorf("crashpoint: %q is not a point of this program", name)
	}
	return p, nil
}
