from gvlm_resources.encoders.pretrain.cli import main

main()
