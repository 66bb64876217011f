// Package standstill tells a machine that stood still from a peer that is silent.
//
// A virtual machine may be stopped for seconds, with everything on it, and a
// starved one may not run a program for as long. Whoever waits for an answer with
// a plain time limit finds the limit over when the machine goes on, beside the
// answer that had been on its way all the time. WithTimeout counts the time only
// in which this program ran; Watch says whether there was another.
package standstill
