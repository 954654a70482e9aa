from gvlm_resources.simulator.cli import main

main()
