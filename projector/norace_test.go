//go:build !race

package projector

const raceDetector = false
