package main

import (
	"slices"

	"rosey/bot/outbound"
	"rosey/bot/spool"
	"rosey/internal/crashpoint"
	"rosey/projector"
	"rosey/replay"
)

// crash is nil, except in a program built for a crash campaign that was asked to
// end at one of its points.
var crash, errCrash = crashpoint.Hook(slices.Concat(spool.CrashPoints(), outbound.CrashPoints(), projector.CrashPoints(), replay.CrashPoints())...)
