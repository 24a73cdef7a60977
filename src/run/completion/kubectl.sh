#!/bin/sh
# kubectl asks this for completions of CALLED: put it on the PATH as kubectl_complete-LINK
exec FILE __complete "$@"
